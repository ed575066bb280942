"""What a precision costs: heads and decoded objects beside fp32's, and whether that is too much."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deepmark.errors import DataError, ParityError, UsageError
from deepmark.exporter.objects import decode_objects, no_objects, rounded
from deepmark.exporter.parity import ParitySample
from deepmark.exporter.precision.agreement import agree
from deepmark.exporter.precision.plan import Limits
from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.head_names import HEAD_ORDER
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.provenance import AveragePrecisionLoss, HeadLoss, PrecisionLoss

if TYPE_CHECKING:
    from deepmark.models.evaluation.drawn_accuracy import Accuracy


class LossTally:
    """Compares a precision with fp32 picture by picture and adds up; no picture is kept.

    Args:
        schema: keypoint schema.
        params: decoder parameters.
        by_head: whether each head is decoded by itself, too; that is what takes the time.
    """

    def __init__(self, schema: KeypointSchema, params: DecoderParams, *, by_head: bool = True) -> None:
        self._by_head = by_head
        self._schema = schema
        self._params = params
        self._pictures = 0
        self._all = _Kept()
        self._landmarks, self._boxes = _Mean(), _Mean()
        self._heads: dict[str, _HeadTally] = {}

    def add(self, expected: ParitySample, found: ParitySample) -> None:
        """Take what fp32 and the precision gave for one picture."""
        assert expected.heads is not None
        assert found.heads is not None
        self._pictures += 1
        whole = agree(expected.objects.detections, found.objects.detections, self._schema, self._params.top_k)
        self._all.add(whole.kept, whole.objects)
        self._landmarks.add(np.array(whole.landmark_errors))
        self._boxes.add(np.array(whole.box_errors))
        for name in HEAD_ORDER:
            right, other = getattr(expected.heads, name), getattr(found.heads, name)
            if right is not None:
                tally = self._heads.setdefault(name, _HeadTally())
                tally.difference(right, other)
                if not self._by_head:
                    continue
                alone = self._decode(replace(expected.heads, **{name: other}))
                one = agree(expected.objects.detections, alone, self._schema, self._params.top_k)
                tally.kept.add(one.kept, one.objects)

    def result(self, accuracy: AveragePrecisionLoss | None = None) -> PrecisionLoss:
        """Return the sums."""
        return PrecisionLoss(
            pictures=self._pictures,
            objects=self._all.objects,
            kept=self._all.share,
            landmark_error=self._landmarks.value,
            box_error=self._boxes.value,
            heads=tuple(tally.result(name) for name, tally in self._heads.items()),
            accuracy=accuracy,
        )

    def _decode(self, heads: Heads) -> Detections:
        try:
            return decode_objects(heads, self._schema, self._params).detections
        except DataError:  # NaN, or no probabilities
            return no_objects(self._schema).detections


class _HeadTally:
    def __init__(self) -> None:
        self.kept = _Kept()
        self._max = 0.0
        self._mean = _Mean()

    def difference(self, expected: F32, found: F32) -> None:
        distance = np.abs(found.astype(np.float64) - expected)
        distance = np.where(np.isfinite(distance), distance, np.inf)  # NaN must not pass as small
        self._max = max(self._max, float(distance.max()))
        self._mean.add(distance)

    def result(self, head: str) -> HeadLoss:
        return HeadLoss(head=head, max_error=rounded(self._max), mean_error=self._mean.value, kept=self.kept.share)


class _Kept:
    def __init__(self) -> None:
        self.objects = self._kept = 0

    def add(self, kept: int, objects: int) -> None:
        self._kept += kept
        self.objects += objects

    @property
    def share(self) -> float:
        return rounded(self._kept / self.objects) if self.objects else 0.0


class _Mean:
    def __init__(self) -> None:
        self._sum = 0.0
        self._values = 0

    def add(self, values: F64) -> None:
        self._sum += float(values.sum())
        self._values += values.size

    @property
    def value(self) -> float:
        return rounded(self._sum / self._values) if self._values else 0.0


def map_loss(fp32: Accuracy, reduced: Accuracy, pictures: int) -> AveragePrecisionLoss:
    """Hold a reduced model's accuracy against fp32's.

    Args:
        fp32: accuracy of the fp32 model.
        reduced: accuracy of the reduced model on the same pictures.
        pictures: number of pictures.

    Raises:
        UsageError: the pictures show nothing that the fp32 model finds, so nothing could be lost.
    """
    if not fp32.points and not fp32.boxes:
        raise UsageError(
            "the fp32 model has an mAP of 0 on drawings, so --max-map-drop says nothing",
            hint="leave it out: objects are compared without labels",
        )
    return AveragePrecisionLoss(
        pictures=pictures,
        fp32_points=rounded(fp32.points),
        points=rounded(reduced.points),
        fp32_boxes=rounded(fp32.boxes),
        boxes=rounded(reduced.boxes),
    )


def require(loss: PrecisionLoss, limits: Limits, precision: str) -> None:
    """Raise where a precision costs more than it may.

    Raises:
        ParityError: says what broke and names the heads that broke it.
    """
    if fault := next(_faults(loss, limits), None):
        raise ParityError(f"{precision} is not good enough: {fault}", report=loss, hint=_hint(precision))


def _faults(loss: PrecisionLoss, limits: Limits) -> Iterator[str]:
    if not loss.objects:
        yield "no picture shows an object, so nothing says what it costs; give better ones with --images"
        return
    broken = broken_heads(loss, limits)
    if broken or not loss.kept >= limits.min_kept:
        culprits = f"broken heads: {', '.join(broken)}" if broken else "no head breaks it by itself"
        yield f"{loss.kept:.1%} of {loss.objects} objects are kept, {limits.min_kept:.1%} must be; {culprits}"
    accuracy, limit = loss.accuracy, limits.max_map_drop
    if accuracy is not None and limit is not None and not accuracy.drop <= limit:
        yield (
            f"mAP_pt falls from {accuracy.fp32_points:.4f} to {accuracy.points:.4f}, mAP_box from"
            f" {accuracy.fp32_boxes:.4f} to {accuracy.boxes:.4f} on {accuracy.pictures} drawings, {limit:g} is allowed"
        )


def broken_heads(loss: PrecisionLoss, limits: Limits) -> tuple[str, ...]:
    """Name the heads that keep too few objects, or are not finite, by themselves."""
    return tuple(one.head for one in loss.heads if not one.kept >= limits.min_kept or not math.isfinite(one.max_error))


def _hint(precision: str) -> str:
    if precision == "int8":
        return (
            "calibrate on pictures like those it will see (--calibration DIR), or see what layers cost: --sensitivity"
        )
    return "ship fp32, or take a precision with more bits"
