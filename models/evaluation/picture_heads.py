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
from deepmark.runtime.transform import Letterbox

_MAGIC = b"deepmark heads 1\n"
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True, eq=False)
class PictureHeads:
    """The heads of one picture, and where it lies in the network's input.

    Attributes:
        image_id: number of the picture.
        size: height and width of the picture, in pixels.
        input_size: height and width of the network's input, in pixels.
        heads: kept part of the heads.
    """

    image_id: int
    size: tuple[int, int]
    input_size: tuple[int, int]
    heads: CompactHeads

    def detect(self, params: DecoderParams) -> Detections:
        """Decode and suppress, in pixels of the picture: what a `Detector` with these parameters finds in it.

        Raises:
            DataError: the heads were not kept for such parameters.
        """
        if not self.heads.reach.covers(params):
            raise DataError(
                f"heads were kept for top_k up to {self.heads.reach.top_k} and a keypoint_threshold from"
                f" {self.heads.reach.keypoint_threshold:g}, found {params.top_k} and {params.keypoint_threshold:g}"
            )
        transform = Letterbox.fit(self.size, self.input_size)
        return detect_in_picture(self.heads.restore(), self.heads.schema, params, transform)


class _Maps(msgspec.Struct, array_like=True):
    shape: tuple[int, int, int]
    kept: bytes
    values: bytes


class _Picture(msgspec.Struct, array_like=True):
    image_id: int
    size: tuple[int, int]
    hm: _Maps
    centres: bytes
    wh: bytes
    hps: bytes
    reg: bytes | None
    hm_hp: _Maps | None
    hp_offset: _Maps | None


def encode(pictures: Sequence[PictureHeads]) -> bytes:
    """Write heads as bytes, with a checksum; schema, reach and input size are not in them."""
    content = msgspec.msgpack.encode([_packed(one) for one in pictures])
    return _MAGIC + hashlib.sha256(content).digest() + content


def decode(content: bytes, schema: KeypointSchema, reach: Reach, input_size: tuple[int, int]) -> list[PictureHeads]:
    """Read what `encode` wrote; the rest as it was then.

    Raises:
        DataError: the bytes are others.
    """
    start = len(_MAGIC) + _DIGEST_BYTES
    body = memoryview(content)[start:]
    if content[:start] != _MAGIC + hashlib.sha256(body).digest():
        raise DataError("these are no heads, or damaged ones")
    return [
        PictureHeads(one.image_id, one.size, input_size, _unpacked(one, schema, reach))
        for one in msgspec.msgpack.decode(body, type=list[_Picture])
    ]


def _packed(one: PictureHeads) -> _Picture:
    heads = one.heads
    return _Picture(
        image_id=one.image_id,
        size=one.size,
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


def _unpacked(one: _Picture, schema: KeypointSchema, reach: Reach) -> CompactHeads:
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
