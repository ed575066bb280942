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
        sha256: sha256 of the checkpoint file, hex.
        architecture: ``"mdla34"`` or ``"dlav0_34"``.
        variant: letter of the checkpoint's layout, with its explanation.
        parameters: number of parameters of the network, as the paper counts them
            (`deepmark.models.loading.LoadReport`).
    """

    file: str
    sha256: str
    architecture: str
    variant: str
    parameters: int


class HeadParity(ManifestPart, frozen=True):
    """How far one head is from the same head one step before.

    Attributes:
        head: name of the head.
        unit: ``"probability"``, ``"logit"``, ``"cells"``, or ``"activation"`` for features.
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
        expected: number of objects above the score floor on either side, over all pictures.
        matched: number of objects that have a partner of the same class in the same cell on the other side.
        unexplained: number of objects without a partner that no near tie explains.
        landmarks: number of landmarks of matched objects.
        near_ties: number of objects without partner and landmarks that jumped because the reference's own choice was
            closer than the step's rounding; they are in none of the figures below.
        max_landmark_error: largest distance of two landmarks of matched objects, in cells.
        max_box_error: largest distance of two box corners of matched objects, in cells.
        max_score_error: largest difference of two final scores of matched objects.
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
        reference: form of the network that the step starts from.
        candidate: form of the network that the step makes.
        pictures: number of network inputs compared.
        heads: comparison of each head.
        objects: comparison of the decoded objects.
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
        pictures: number of pictures.
        sha256: sha256 of the network inputs made from them, in order, hex.
    """

    source: Literal["pictures", "drawings"]
    pictures: int
    sha256: Sha256


class HeadLoss(ManifestPart, frozen=True):
    """What a precision does to one head.

    Attributes:
        head: name of the head.
        max_error: largest absolute difference from fp32, of probabilities or in cells.
        mean_error: mean absolute difference from fp32, of probabilities or in cells.
        kept: share of fp32's objects that are kept when this head alone is taken from the smaller model.
    """

    head: str
    max_error: float
    mean_error: float
    kept: Share


class AveragePrecisionLoss(ManifestPart, frozen=True):
    """Accuracy on labelled drawings, in fp32 and in the smaller precision.

    Attributes:
        pictures: number of drawings.
        fp32_points: mAP_pt of the fp32 model.
        points: mAP_pt of the smaller model.
        fp32_boxes: mAP_box of the fp32 model.
        boxes: mAP_box of the smaller model.
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
        pictures: number of pictures that both models ran on.
        objects: number of objects that either model found.
        kept: share of the objects that the other model finds too; `deepmark.exporter.precision.agreement` says when
            that is so.
        landmark_error: mean distance of the landmarks of kept objects, in cells.
        box_error: mean distance of the box corners of kept objects, in cells.
        heads: loss of each head by itself.
        accuracy: loss of accuracy on labelled drawings; None if it was not asked for.
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
        loss: figures of what the smaller model loses.
        calibration: pictures that decided which values 8 bits stand for; None for a precision that needs none.
        float_layers: names of the convolutions that were kept in float.
    """

    loss: PrecisionLoss
    calibration: Calibration | None = None
    float_layers: tuple[str, ...] = ()


class Tuning(ManifestPart, frozen=True):
    """Where the decoder parameters come from, if they were searched for.

    Attributes:
        by: program and version that searched.
        backend: engine whose outputs were searched on.
        annotations_sha256: sha256 of what was to be found in the pictures, hex.
        searched: number of pictures that the search saw.
        checked: number of further pictures, which the gains were measured on.
        before: parameters before the search.
        map_pt: mAP of landmarks before and after, [0, 1]; None for boxes only.
        map_pt_gain: lower and upper end of the 95 % interval of the difference of ``map_pt``; None for boxes only.
        map_box: mAP of boxes before and after, [0, 1].
        map_box_gain: lower and upper end of the 95 % interval of the difference of ``map_box``; None in bundles of
            earlier programs.
        flip: whether the parameters are for a flip test: they were searched for with it.
        scales: factors of a picture's size that they were searched for with.
        scales_mode: mode of these scales.
    """

    by: str
    backend: str
    annotations_sha256: Sha256
    searched: int
    checked: int
    before: DecoderParams
    map_pt: tuple[float, float] | None
    map_pt_gain: tuple[float, float] | None
    map_box: tuple[float, float]
    map_box_gain: tuple[float, float] | None = None
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    scales_mode: Literal["fix", "keep"] = "fix"
