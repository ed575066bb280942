"""Where a model comes from, and what was measured while it was made: the parts of a manifest that no engine needs.

The checkpoint, the parity of every step of the export, what fewer bits cost, and where the decoder's parameters come
from.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from deepmark.runtime.decoding.params import DecoderParams

PrecisionName = Literal["fp32", "fp16", "w8", "int8"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class ManifestPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the manifest: immutable, and nothing may stand in it that is not known."""


class SourceCheckpoint(ManifestPart, frozen=True):
    """Where the weights come from.

    Attributes:
        file: name of the checkpoint, without its folder.
        sha256: of the checkpoint file, hex.
        architecture: ``"mdla34"`` or ``"dlav0_34"``.
        variant: letter of the checkpoint's layout, with its explanation.
        parameters: of the network, as the paper counts them (`deepmark.models.loading.LoadReport`).
    """

    file: str
    sha256: str
    architecture: str
    variant: str
    parameters: int


class HeadParity(ManifestPart, frozen=True):
    """How far one head is from the same head one step before.

    Attributes:
        head: its name.
        unit: ``"probability"``, ``"logit"``, ``"cells"``, or ``"activation"`` (of features).
        max_error: largest absolute difference over all pictures.
        mean_error: mean absolute difference.
        tolerance_used: largest ``difference / (atol + rtol * scale)``, where ``scale`` is the head's largest absolute
            value in the picture; above 1 it fails.
    """

    head: str
    unit: str
    max_error: float
    mean_error: float
    tolerance_used: float


class ObjectParity(ManifestPart, frozen=True):
    """How far decoded objects are from those one step before.

    Attributes:
        expected: objects above the score floor on either side, over all pictures.
        matched: those that have a partner of the same class in the same cell on the other side.
        unexplained: those that have none, and no near tie explains it.
        landmarks: landmarks of matched objects.
        near_ties: objects without partner and landmarks that jumped because the reference's own choice was closer than
            the step's rounding; they are in none of the figures below.
        max_landmark_error: largest distance of two landmarks of matched objects, in cells.
        max_box_error: likewise of box corners, in cells.
        max_score_error: likewise of final scores.
    """

    expected: int
    matched: int
    unexplained: int
    landmarks: int
    near_ties: int
    max_landmark_error: float
    max_box_error: float
    max_score_error: float


class HopParity(ManifestPart, frozen=True):
    """One step of the chain, for example ``torch`` -> ``onnx``.

    Attributes:
        reference: what the step starts from.
        candidate: what it makes.
        pictures: number of network inputs compared.
        heads: one entry per head.
        objects: the decoded objects.
        passed: whether every figure lies within its threshold.
    """

    reference: str
    candidate: str
    pictures: int
    heads: tuple[HeadParity, ...]
    objects: ObjectParity
    passed: bool


class Calibration(ManifestPart, frozen=True):
    """The pictures that decided which values 8 bits stand for.

    Attributes:
        source: ``"pictures"`` of the user's, or our own ``"drawings"``.
        pictures: how many.
        sha256: of the network inputs made from them, in order, hex.
    """

    source: Literal["pictures", "drawings"]
    pictures: int
    sha256: Sha256


class HeadLoss(ManifestPart, frozen=True):
    """What a precision does to one head.

    Attributes:
        head: its name.
        max_error: largest absolute difference from fp32, of probabilities or in cells.
        mean_error: mean absolute difference.
        kept: share of fp32's objects that are kept when this head alone is taken from the smaller model.
    """

    head: str
    max_error: float
    mean_error: float
    kept: Share


class AveragePrecisionLoss(ManifestPart, frozen=True):
    """Accuracy on labelled drawings, in fp32 and in the smaller precision.

    Attributes:
        pictures: how many.
        fp32_points: mAP_pt of the fp32 model.
        points: of the smaller one.
        fp32_boxes: mAP_box of the fp32 model.
        boxes: of the smaller one.
    """

    pictures: int
    fp32_points: float
    points: float
    fp32_boxes: float
    boxes: float

    @property
    def drop(self) -> float:
        """The larger of both losses; below 0 where the smaller model is better in both."""
        return max(self.fp32_points - self.points, self.fp32_boxes - self.boxes)


class PrecisionLoss(ManifestPart, frozen=True):
    """What a precision costs, beside the fp32 model that it was made from, on the same engine.

    Attributes:
        pictures: that both ran on.
        objects: found by either.
        kept: share of them that the other finds too; `deepmark.exporter.precision.agreement` says when that is so.
        landmark_error: mean distance of the landmarks of kept objects, in cells.
        box_error: mean distance of their box corners, in cells.
        heads: each by itself.
        accuracy: on labelled drawings, where it was asked for.
    """

    pictures: int
    objects: int
    kept: Share
    landmark_error: float
    box_error: float
    heads: tuple[HeadLoss, ...]
    accuracy: AveragePrecisionLoss | None = None


class Quantisation(ManifestPart, frozen=True):
    """How a model of less than fp32 was made.

    Attributes:
        loss: what it costs.
        calibration: where pictures were needed.
        float_layers: convolutions that were kept in float.
    """

    loss: PrecisionLoss
    calibration: Calibration | None = None
    float_layers: tuple[str, ...] = ()


class Tuning(ManifestPart, frozen=True):
    """Where the decoder parameters come from, if they were searched for.

    Attributes:
        by: program and version.
        backend: engine whose outputs were searched on.
        annotations_sha256: names what was to be found in the pictures.
        searched: number of pictures that the search saw.
        checked: number of further pictures, which the gains are of.
        before: the parameters before.
        map_pt: mAP of landmarks before and after, [0, 1].
        map_pt_gain: lower and upper end of the 95 % interval of its difference.
        map_box: mAP of boxes before and after.
    """

    by: str
    backend: str
    annotations_sha256: Sha256
    searched: int
    checked: int
    before: DecoderParams
    map_pt: tuple[float, float]
    map_pt_gain: tuple[float, float]
    map_box: tuple[float, float]
