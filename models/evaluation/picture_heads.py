"""The heads of one picture, ready to be decoded with any parameters; and many of them as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.models.evaluation.compact_heads import CompactHeads, Reach, SparseMaps
from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.detector import detect_in_picture
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import InputSpec
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.placed_heads import PlacedHeads
from deepmark.runtime.scaled_view import ScaledView
from deepmark.runtime.transform import Letterbox

_MAGIC = b"deepmark heads 2\n"
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True, eq=False)
class CompactLook:
    """What is left of one look at a picture.

    Attributes:
        heads: kept part of the heads.
        transform: place of the picture in the network's input.
    """

    heads: CompactHeads
    transform: Letterbox


@dataclass(frozen=True, slots=True, eq=False)
class PictureHeads:
    """The heads of one picture, at every scale that it was looked at.

    Attributes:
        image_id: number of the picture.
        size: height and width of the picture, in pixels.
        looks: looks at the picture, at least one.
    """

    image_id: int
    size: tuple[int, int]
    looks: tuple[CompactLook, ...]

    def detect(self, params: DecoderParams) -> Detections:
        """Decode and suppress, in pixels of the picture: what a `Detector` with these parameters finds in it.

        Raises:
            DataError: the heads were not kept for such parameters.
        """
        reach = self.looks[0].heads.reach
        if not reach.covers(params):
            raise DataError(
                f"heads were kept for top_k up to {reach.top_k} and a keypoint_threshold from"
                f" {reach.keypoint_threshold:g}, found {params.top_k} and {params.keypoint_threshold:g}"
            )
        restored = (PlacedHeads(one.heads.restore(), one.transform) for one in self.looks)
        return detect_in_picture(restored, self.looks[0].heads.schema, params)


class _Maps(msgspec.Struct, array_like=True):
    shape: tuple[int, int, int]
    kept: bytes
    values: bytes


class _Look(msgspec.Struct, array_like=True):
    hm: _Maps
    centres: bytes
    wh: bytes
    hps: bytes
    reg: bytes | None
    hm_hp: _Maps | None
    hp_offset: _Maps | None


class _Picture(msgspec.Struct, array_like=True):
    image_id: int
    size: tuple[int, int]
    looks: list[_Look]


def encode(pictures: Sequence[PictureHeads]) -> bytes:
    """Write heads as bytes, with a checksum; schema, reach, and what the transforms follow from are not in them."""
    packed = [_Picture(one.image_id, one.size, [_packed(look.heads) for look in one.looks]) for one in pictures]
    content = msgspec.msgpack.encode(packed)
    return _MAGIC + hashlib.sha256(content).digest() + content


def decode(
    content: bytes, schema: KeypointSchema, reach: Reach, spec: InputSpec, inference: MultiInference
) -> list[PictureHeads]:
    """Read what `encode` wrote; the rest as it was then.

    Args:
        content: bytes that `encode` wrote.
        schema: classes and groups of the network.
        reach: parameters that the heads were kept for.
        spec: the network's input.
        inference: looks that the heads are of.

    Raises:
        DataError: the bytes are others.
    """
    start = len(_MAGIC) + _DIGEST_BYTES
    body = memoryview(content)[start:]
    if content[:start] != _MAGIC + hashlib.sha256(body).digest():
        raise DataError("these are no heads, or damaged ones")
    found = []
    for one in msgspec.msgpack.decode(body, type=list[_Picture]):
        views = (ScaledView.of(one.size, spec, factor, inference) for factor in inference.scales)
        looks = zip(one.looks, views, strict=True)
        kept = tuple(CompactLook(_unpacked(look, schema, reach), view.transform) for look, view in looks)
        found.append(PictureHeads(one.image_id, one.size, kept))
    return found


def _packed(heads: CompactHeads) -> _Look:
    return _Look(
        hm=_maps(heads.hm),
        centres=heads.centres.tobytes(),
        wh=heads.wh.tobytes(),
        hps=heads.hps.tobytes(),
        reg=None if heads.reg is None else heads.reg.tobytes(),
        hm_hp=None if heads.hm_hp is None else _maps(heads.hm_hp),
        hp_offset=None if heads.hp_offset is None else _maps(heads.hp_offset),
    )


def _maps(maps: SparseMaps) -> _Maps:
    return _Maps(maps.shape, maps.kept.tobytes(), maps.values.tobytes())


def _unpacked(one: _Look, schema: KeypointSchema, reach: Reach) -> CompactHeads:
    return CompactHeads(
        schema=schema,
        reach=reach,
        hm=_sparse(one.hm, _floats(one.hm.values)),
        centres=np.frombuffer(one.centres, np.uint32),
        wh=_pair(one.wh),
        hps=_pair(one.hps),
        reg=None if one.reg is None else _pair(one.reg),
        hm_hp=None if one.hm_hp is None else _sparse(one.hm_hp, _floats(one.hm_hp.values)),
        hp_offset=None if one.hp_offset is None else _sparse(one.hp_offset, _pair(one.hp_offset.values)),
    )


def _sparse(maps: _Maps, values: F32) -> SparseMaps:
    return SparseMaps(maps.shape, np.frombuffer(maps.kept, np.uint8), values)


def _floats(content: bytes) -> F32:
    return np.frombuffer(content, np.float32)


def _pair(content: bytes) -> F32:
    return _floats(content).reshape(2, -1)
