"""``manifest.json`` of a refiner's bundle: another kind of document than a detector's, as strict as that.

A refiner takes a part of a picture and the landmarks found in it, and gives the landmarks again. Its graph has the
inputs `IMAGE` and `POSE` and the output `POINTS`; everything between, the rendering of the pose, the subtraction of
`PIXEL_MEAN`, softmax and expectation, is inside.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from deepmark.errors import DataError
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import UNSEALED, FileEntry, read_sealed, seal
from deepmark.runtime.provenance import ManifestPart, Sha256

KIND: Literal["refiner"] = "refiner"
IMAGE, POSE, POINTS = "image", "pose", "points"
PIXEL_MEAN = (123.68, 116.78, 103.94)  # of B, G and R, as PoseFix has it; ImageNet's means of R, G and B
MULTIPLE = 32  # pixels that height and width are multiples of
MAX_SIDE = 1024

RefinerPrecision = Literal["fp32", "fp16"]


class RefinerInput(ManifestPart, frozen=True):
    """The graph's input.

    Attributes:
        height: height of the part of the picture, in pixels.
        width: width of the part of the picture, in pixels.
        sigma: width of the Gaussians that the pose is drawn with, in pixels.
        crop: name of the way to that part; ``"posefix"`` is `deepmark.runtime.refinement.pose_crop`.
    """

    height: int
    width: int
    sigma: float
    crop: Literal["posefix"] = "posefix"


class RefinerHop(ManifestPart, frozen=True):
    """How equal a step of the export is to the one before.

    Attributes:
        reference: name of the step that is right.
        candidate: name of the step that was compared.
        poses: number of poses.
        max_error_px: largest distance of a landmark in pixels of the input.
        mean_error_px: mean distance in pixels of the input.
        tolerance_px: largest distance allowed.
        passed: whether all landmarks were within it.
    """

    reference: str
    candidate: str
    poses: int
    max_error_px: float
    mean_error_px: float
    tolerance_px: float
    passed: bool


class RefinerManifest(ManifestPart, frozen=True, kw_only=True):
    """The whole document.

    Attributes:
        schema_version: version of this document's form, `SCHEMA_VERSION`.
        checksum: sha256 of the encoded document with `UNSEALED` as its checksum.
        kind: `KIND`, which a detector's manifest does not have.
        name: name of the model; the bundle's folder is ``NAME.deepmark``.
        created_by: program and version that made the bundle.
        backbone: name of the network.
        precision: number format of the weights.
        input: input of the graph.
        keypoints: classes and landmarks of the detector that it belongs to.
        channels: channel of each landmark, class by class; empty for a class that it does not refine.
        num_channels: number of channels of the graph.
        source_sha256: sha256 of the checkpoint that was exported.
        training: what the checkpoint says of its training, as text by name.
        versions: name of each library -> version that made the bundle.
        parity: results of every step of the export.
        files: path of every other file of the bundle, with ``/`` -> its sha256 and length.
    """

    schema_version: int
    checksum: Sha256 = UNSEALED
    kind: Literal["refiner"] = KIND
    name: str
    created_by: str
    backbone: str
    precision: RefinerPrecision
    input: RefinerInput
    keypoints: KeypointSchema
    channels: tuple[tuple[int, ...], ...]
    num_channels: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    source_sha256: Sha256
    training: dict[str, str] = msgspec.field(default_factory=dict)
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    parity: tuple[RefinerHop, ...] = ()
    files: dict[str, FileEntry] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other.

        Raises:
            DataError: names the field, what it must be and what it is.
        """
        for name, side in (("height", self.input.height), ("width", self.input.width)):
            if not (MULTIPLE <= side <= MAX_SIDE) or side % MULTIPLE:
                raise DataError(f"input.{name} must be a multiple of {MULTIPLE} up to {MAX_SIDE}, found {side}")
        if not (math.isfinite(self.input.sigma) and self.input.sigma > 0):
            raise DataError(f"input.sigma must be above 0, found {self.input.sigma}")
        if len(self.channels) != len(self.keypoints.classes):
            raise DataError(f"channels must have {len(self.keypoints.classes)} entries, found {len(self.channels)}")
        for one, channels in zip(self.keypoints.classes, self.channels, strict=True):
            if channels and len(channels) != len(one.groups):
                raise DataError(f"channels of {one.name!r} must be {len(one.groups)}, found {len(channels)}")
            if len(set(channels)) != len(channels) or not all(0 <= at < self.num_channels for at in channels):
                raise DataError(f"channels of {one.name!r} must be different ones of 0..{self.num_channels - 1}")
        if not any(self.channels):
            raise DataError("channels must name at least one class's landmarks")

    def to_json(self) -> bytes:
        """Encode as JSON with its checksum; equal manifests, equal bytes."""
        return seal(msgspec.structs.replace(self, checksum=UNSEALED), compact=False)

    @classmethod
    def from_json(cls, document: bytes, *, source: str) -> RefinerManifest:
        """Read and check a manifest; ``source`` names it in errors.

        Raises:
            BundleError: not JSON, of a detector, of another version, a field is missing, unknown or wrong, or anything
                in it differs from what was written.
        """
        return read_sealed(document, cls, kind=KIND, source=source)
