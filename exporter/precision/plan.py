"""What an export's precision is asked for, checked before anything heavy happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import UsageError
from deepmark.exporter.formats import Format
from deepmark.exporter.precision.accuracy_loss import AccuracyMeter
from deepmark.exporter.precision.loss import Limits
from deepmark.exporter.precisions import FP32, Precision, choose_precision


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """A precision that can be tried.

    Attributes:
        precision: to store or compute in.
        calibration: folder of pictures; None for drawings, and where none are needed.
        keep_float: modules whose convolutions stay in float.
        limits: what it may cost.
        meter: of accuracy; given where ``limits`` bounds its loss.
    """

    precision: Precision
    calibration: Path | None
    keep_float: tuple[str, ...]
    limits: Limits
    meter: AccuracyMeter | None

    @property
    def reduced(self) -> bool:
        """Whether anything is left to do after fp32."""
        return self.precision is not FP32


def make_plan(
    precision: str,
    formats: Iterable[Format],
    *,
    calibration: str | Path | None = None,
    keep_float: Iterable[str] = (),
    limits: Limits | None = None,
    meter: AccuracyMeter | None = None,
) -> PrecisionPlan:
    """Check a request for a precision.

    Raises:
        UsageError: the precision is unknown, a format lacks it, or an option has no meaning with it.
    """
    chosen = choose_precision(precision, formats)
    keep_float, limits = tuple(keep_float), limits or Limits()
    given = {"--calibration": calibration is not None, "--keep-float": bool(keep_float)}
    if useless := [name for name, is_given in given.items() if is_given and not chosen.calibrated]:
        raise UsageError(f"{', '.join(useless)} has no meaning with precision {chosen.name}", hint="is for int8")
    if limits.max_map_drop is not None and chosen is FP32:
        raise UsageError("--max-map-drop has no meaning with fp32, which accuracy is held against")
    if limits.max_map_drop is not None and meter is None:
        raise UsageError("a largest loss of accuracy is given, but nothing that measures accuracy")
    folder = None if calibration is None else Path(calibration)
    return PrecisionPlan(chosen, folder, keep_float, limits, meter)
