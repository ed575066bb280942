"""Accuracy in fp32 and in a smaller precision. The metric is the caller's: it lives where exports are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from deepmark.errors import UsageError
from deepmark.exporter.objects import rounded
from deepmark.runtime.engines import Engine
from deepmark.runtime.quantisation import MapLoss

if TYPE_CHECKING:
    from deepmark.models.evaluation.drawn_accuracy import Accuracy


class AccuracyMeter(Protocol):
    """Measures models on labelled pictures."""

    @property
    def pictures(self) -> int:
        """How many each model runs on."""
        ...

    def __call__(self, engines: Sequence[Engine], on_progress: Callable[[str], None]) -> Sequence[Accuracy]:
        """Return the accuracy of each model on the same pictures.

        Args:
            engines: loaded models.
            on_progress: is given a line now and then, with the time left.
        """
        ...


def measure_drop(meter: AccuracyMeter, whole: Engine, reduced: Engine, on_progress: Callable[[str], None]) -> MapLoss:
    """Hold a reduced model's accuracy against fp32's.

    Raises:
        UsageError: the pictures show nothing that the fp32 model finds, so nothing could be lost.
    """
    before, after = meter((whole, reduced), on_progress)
    if not before.points and not before.boxes:
        raise UsageError(
            "the fp32 model has an mAP of 0 on drawings, so --max-map-drop says nothing",
            hint="leave it out: objects are compared without labels",
        )
    return MapLoss(
        pictures=meter.pictures,
        fp32_points=rounded(before.points),
        points=rounded(after.points),
        fp32_boxes=rounded(before.boxes),
        boxes=rounded(after.boxes),
    )
