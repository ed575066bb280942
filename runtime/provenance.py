"""What a manifest says of a model that computes with less than fp32: how it was made, and what that costs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

PrecisionName = Literal["fp32", "fp16", "w8", "int8"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Immutable, and nothing may stand in it that is not known."""


class Calibration(_Strict, frozen=True):
    """The pictures that decided which values 8 bits stand for.

    Attributes:
        source: ``"pictures"`` of the user's, or our own ``"drawings"``.
        pictures: how many.
        sha256: of the network inputs made from them, in order, hex.
    """

    source: Literal["pictures", "drawings"]
    pictures: int
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class HeadLoss(_Strict, frozen=True):
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


class MapLoss(_Strict, frozen=True):
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


class PrecisionLoss(_Strict, frozen=True):
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
    accuracy: MapLoss | None = None


class Quantisation(_Strict, frozen=True):
    """How a model of less than fp32 was made.

    Attributes:
        loss: what it costs.
        calibration: where pictures were needed.
        float_layers: convolutions that were kept in float.
    """

    loss: PrecisionLoss
    calibration: Calibration | None = None
    float_layers: tuple[str, ...] = ()
