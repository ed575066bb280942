"""``manifest.json``: everything that a program needs to know of an exported model, beside its weights.

The manifest stands in a bundle as a file, and inside a bare ``.onnx`` or ``.mnn`` file as metadata (there without
``files`` and ``parity``). It is strict: an unknown field or version is an error, not a guess, and so is a document that
does not agree with its own checksum.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal, Protocol, TypeVar

import msgspec

from deepmark.errors import BundleError, DataError
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import STRIDE
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.keypoints.head_names import (
    FEATURES,
    GATHERED_HEADS,
    HEAD_ORDER,
    LANDMARK_HEADS,
    OPTIONAL_HEADS,
    head_channels,
)
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.provenance import (
    HopParity,
    ManifestPart,
    PrecisionName,
    Quantisation,
    Sha256,
    SourceCheckpoint,
    Tuning,
)

SCHEMA_VERSION = 1
MAX_INPUT_PIXELS = 4096 * 4096  # at about 220 bytes a pixel: 3.7 GB; an engine that runs out of memory dies wordlessly

WinogradLevel = Literal[0, 1, 2, 3]
Activation = Literal["probabilities", "logits"]
DETECTOR = "detector"
_OTHER_KIND = {
    DETECTOR: "--refine takes a refiner, made by deepmark refiner export; the detector is MODEL",
    "refiner": "it refines what a detector found: give it with --refine, and a detector as MODEL",
}
UNSEALED: Sha256 = "0" * 64  # stands in for the checksum while it is computed
_CHECKSUM = re.compile(rb'"checksum": ?"([0-9a-f]{64})"')


class InputSpec(ManifestPart, frozen=True, omit_defaults=True):
    """The network's input.

    Attributes:
        height: height in pixels that the model was exported and checked for.
        width: width in pixels that the model was exported and checked for.
        multiple: number of pixels that every height and width must be a multiple of.
        dynamic: whether it accepts any other size at all.
        fit: whether it always has that size, or the shape of each picture (`deepmark.runtime.input_fit.Fit`); left out
            where it is ``"square"``, which all bundles were before there was a choice.
    """

    height: int
    width: int
    multiple: int
    dynamic: bool
    fit: Fit = "square"


class Preprocess(ManifestPart, frozen=True):
    """How a picture becomes the network's input: ``(pixel / 255 - mean) / std``, float32, NCHW.

    Attributes:
        color: order of the channels of the 8-bit picture.
        resize: name of the way to the network's size; ``"centernet-affine"`` is `deepmark.runtime.letterbox`.
        border: grey level outside the picture, before normalisation; always black.
        mean: mean of each channel in ``color``'s order, of pixels in [0, 1].
        std: standard deviation of each channel in ``color``'s order, of pixels in [0, 1].
    """

    color: Literal["BGR"] = "BGR"
    resize: Literal["centernet-affine"] = "centernet-affine"
    border: Literal[0] = 0
    mean: tuple[float, float, float] = (0.40789654, 0.44719302, 0.47026115)
    std: tuple[float, float, float] = (0.28863828, 0.27408164, 0.27809835)


class GatheredSpec(ManifestPart, frozen=True):
    """The heads that a sparse graph leaves to the runtime.

    Attributes:
        channels: name of each head -> its channels.
        sha256: sha256 of ``heads.npz``, which holds their weights, hex. The manifest inside the graph has it too: so a
            graph knows the only file that belongs to it.
    """

    channels: dict[str, int]
    sha256: Sha256


class HeadsSpec(ManifestPart, frozen=True):
    """What the graph gives.

    Attributes:
        layout: ``"dense"`` if the graph gives every head as a whole map, ``"sparse"`` if it gives the heatmaps and the
            features.
        activation: form of ``hm`` and ``hm_hp``: probabilities, or logits (before the sigmoid).
        stride: input pixels per cell.
        channels: name of each output -> its channels. Outputs are found by name, never by order.
        gathered: heads that a sparse graph leaves out; None for a dense graph.
        joined: outputs in the order in which MNN's model has them one after the other in a single one,
            `deepmark.runtime.keypoints.head_names.JOINED`; left out where each is an output of its own, as it always is
            in the ONNX file.
    """

    layout: Literal["dense", "sparse"]
    activation: Activation
    stride: int
    channels: dict[str, int]
    gathered: GatheredSpec | None = None
    joined: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def parts(self) -> dict[str, int]:
        """Channels of each part of the joined output, in order; empty where there is none."""
        return {} if isinstance(self.joined, msgspec.UnsetType) else {name: self.channels[name] for name in self.joined}

    @property
    def heads(self) -> dict[str, int]:
        """Channels of every head in CenterNet's order, whoever computes it."""
        channels = self.channels | (self.gathered.channels if self.gathered else {})
        return {name: channels[name] for name in HEAD_ORDER if name in channels}

    @property
    def tensors(self) -> dict[str, int]:
        """Channels of everything that can be held against the network: `heads`, and the features of a sparse graph."""
        return self.heads | {name: count for name, count in self.channels.items() if name == FEATURES}


class FileEntry(ManifestPart, frozen=True):
    """One file of a bundle: its sha256 (hex) and its length in bytes."""

    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class Manifest(ManifestPart, frozen=True, kw_only=True):
    """The whole document.

    Attributes:
        schema_version: version of this document's form, `SCHEMA_VERSION`.
        checksum: sha256 of the encoded document with `UNSEALED` as its checksum; it has a meaning in the encoded
            document only.
        name: name of the model; the bundle's folder is ``NAME.deepmark``.
        created_by: program and version that made the bundle.
        precision: number format of the weights.
        input: size of the network's input.
        preprocess: way from a picture to that input.
        heads: heads that the graph gives.
        keypoints: classes, landmarks, groups, sigmas.
        flip_pairs: pairs of group channels that are exchanged in a mirrored picture (they follow from ``keypoints``;
            written out for programs that do not derive them).
        decoder: parameters that the model is decoded with.
        tuning: search that found ``decoder``; None if these parameters were not searched for.
        source: checkpoint that was exported.
        versions: name of each library -> version that made the bundle.
        parity: results of every step of the export.
        quantisation: way to fewer bits, and what that costs; None for a model in fp32.
        winograd_level: level of memory that MNN's fast convolutions may take, 0 (none of them) to 3, where the model is
            to run with that level; left out where MNN's own choice is meant.
        files: path of every other file of the bundle, with ``/`` -> its sha256 and length.
    """

    schema_version: int
    checksum: Sha256 = UNSEALED
    name: str
    created_by: str
    precision: PrecisionName
    input: InputSpec
    preprocess: Preprocess
    heads: HeadsSpec
    keypoints: KeypointSchema
    flip_pairs: tuple[tuple[int, int], ...]
    decoder: DecoderParams
    tuning: Tuning | None = None
    source: SourceCheckpoint
    versions: dict[str, str]
    parity: tuple[HopParity, ...] = ()
    quantisation: Quantisation | None = None
    winograd_level: WinogradLevel | msgspec.UnsetType = msgspec.UNSET
    files: dict[str, FileEntry] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other, or that this program would misread.

        Raises:
            DataError: names the field, what it must be and what it is.
        """
        _check_input(self.input)
        _check_heads(self.heads, self.keypoints)
        if min(self.preprocess.std) <= 0:
            raise DataError(f"preprocess.std must be above 0, found {self.preprocess.std}")
        if self.flip_pairs != self.keypoints.flip_pairs:
            raise DataError("flip_pairs do not follow from the mirrors in keypoints")

    def to_json(self, *, compact: bool = False) -> bytes:
        """Encode as JSON with its checksum, indented with a final newline or compact; equal manifests, equal bytes."""
        return seal(msgspec.structs.replace(self, checksum=UNSEALED), compact=compact)

    @classmethod
    def from_json(cls, document: bytes, *, source: str) -> Manifest:
        """Read and check a manifest; ``source`` names it in errors.

        Raises:
            BundleError: not JSON, of another schema version, a field is missing, unknown or wrong, or anything in it
                differs from what was written.
        """
        return read_sealed(document, cls, kind=DETECTOR, source=source)


class _Version(msgspec.Struct):
    schema_version: int
    kind: str = DETECTOR


class SealedDocument(Protocol):
    """A document with a checksum of itself."""

    @property
    def checksum(self) -> Sha256:
        """Checksum as it was read."""


Sealed = TypeVar("Sealed", bound=SealedDocument)


def seal(document: ManifestPart, *, compact: bool) -> bytes:
    """Encode a document that has `UNSEALED` as its checksum, and put the checksum in."""
    unsealed = msgspec.json.encode(document)
    if not compact:
        unsealed = msgspec.json.format(unsealed, indent=1) + b"\n"
    return _with_checksum(unsealed, _checksum(unsealed))


def read_sealed(document: bytes, form: type[Sealed], *, kind: str, source: str) -> Sealed:
    """Read what `seal` gave.

    Args:
        document: encoded document.
        form: type of the document, with fields ``schema_version`` and ``checksum``.
        kind: kind of model that is wanted, `DETECTOR` or another.
        source: name of the document in errors.

    Raises:
        BundleError: not JSON, of another kind or schema version, a field is missing, unknown or wrong, or anything in
            it differs from what was written.
    """
    try:
        head = msgspec.json.decode(document, type=_Version)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BundleError(f"{source} is no DeepMark manifest: {error}", hint="copy the model again") from error
    if head.kind != kind:
        raise BundleError(f"{source} is of a {head.kind}, expected a {kind}", hint=_OTHER_KIND.get(head.kind))
    if head.schema_version != SCHEMA_VERSION:
        raise BundleError(
            f"{source} has schema version {head.schema_version}, this program reads version {SCHEMA_VERSION}",
            hint="export the model again with this program, or install the version that made it",
        )
    try:
        read = msgspec.json.decode(document, type=form)
    except (msgspec.MsgspecError, DataError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{source} is damaged: {error}", hint="export the model again") from error
    found = _checksum(_with_checksum(document, UNSEALED))
    if found != read.checksum:
        raise BundleError(
            f"{source} is damaged or was changed: its checksum says {read.checksum}, found {found}",
            hint="copy the model again, or export it again",
        )
    return msgspec.structs.replace(read, checksum=UNSEALED)  # type: ignore[type-var]  # a struct with a checksum


def _checksum(unsealed: bytes) -> str:
    return hashlib.sha256(unsealed).hexdigest()


def _with_checksum(document: bytes, checksum: str) -> bytes:
    """Put a checksum into an encoded manifest, where the first one stands: its second field."""
    return _CHECKSUM.sub(lambda match: match[0].replace(match[1], checksum.encode()), document, count=1)


def _check_input(spec: InputSpec) -> None:
    if spec.multiple < STRIDE or spec.multiple % STRIDE:
        raise DataError(f"input.multiple must be a multiple of {STRIDE}, found {spec.multiple}")
    for name, side in (("height", spec.height), ("width", spec.width)):
        if side < 1 or side % spec.multiple:
            raise DataError(f"input.{name} must be a multiple of {spec.multiple}, found {side}")
    if spec.fit == "rect" and not spec.dynamic:
        raise DataError("input.fit must be 'square' for a model of one size, found 'rect'")
    if spec.height * spec.width > MAX_INPUT_PIXELS:
        raise DataError(f"input must have at most {MAX_INPUT_PIXELS:,} pixels, found {spec.height}x{spec.width}")


def _check_heads(spec: HeadsSpec, keypoints: KeypointSchema) -> None:
    if spec.stride != STRIDE:
        raise DataError(f"heads.stride must be {STRIDE}, found {spec.stride}")
    if (spec.layout == "sparse") != (spec.gathered is not None):
        raise DataError(f"heads.gathered must stand in a sparse layout and in no other, found layout {spec.layout!r}")
    expected = head_channels(len(keypoints.classes), keypoints.num_groups)
    if spec.gathered is not None:
        gathered = {name: expected.pop(name) for name in GATHERED_HEADS if name in expected}
        expected[FEATURES] = max(spec.channels.get(FEATURES, 0), 1)  # the network's own affair, but some
        _check_channels(spec.gathered.channels, gathered, "heads.gathered.channels")
    _check_channels(spec.channels, expected, "heads.channels")
    if not isinstance(spec.joined, msgspec.UnsetType) and sorted(spec.joined) != sorted(spec.channels):
        raise DataError(
            f"heads.joined must name {', '.join(spec.channels)}, each once, found {', '.join(spec.joined) or 'none'}"
        )


def _check_channels(found: dict[str, int], expected: dict[str, int], field: str) -> None:
    if missing := [name for name in expected if name not in found and name not in OPTIONAL_HEADS]:
        raise DataError(f"{field} lacks {', '.join(missing)}")
    for name, channels in found.items():
        if channels != expected.get(name):
            raise DataError(f"{field}[{name!r}] {_fault(name, expected)}, found {channels}")


def _fault(name: str, expected: dict[str, int]) -> str:
    if name in expected:
        return f"must be {expected[name]}"
    return "is of landmarks, which the classes do not have" if name in LANDMARK_HEADS else "is no known head"
