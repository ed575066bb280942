"""What an export's precision is asked for, checked before anything heavy happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import UsageError
from deepmark.exporter.formats import FP32, Format, Precision, choose_precision

# Of the demo network fp16 keeps every object, w8 99 of 100, int8 94 to 96; weights in 4 bits 84 (docs/decisions/0011).
MIN_KEPT = 0.9
DRAWINGS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a precision may cost.

    Attributes:
        min_kept: smallest share of objects that are kept, in [0, 1].
        max_map_drop: largest loss of mAP_pt and of mAP_box, in [0, 1]; None where accuracy is not measured.
        drawings: number of drawings that accuracy is measured on.
    """

    min_kept: float = MIN_KEPT
    max_map_drop: float | None = None
    drawings: int = DRAWINGS

    def __post_init__(self) -> None:
        """Refuse limits that are none.

        Raises:
            UsageError: one is not in [0, 1], or there is nothing to measure on.
        """
        for name in ("min_kept", "max_map_drop"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{name} must be in [0, 1], found {value}")
        if self.drawings < 1:
            raise UsageError(f"accuracy is measured on 1 drawing or more, found {self.drawings}")


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """A precision that can be tried.

    Attributes:
        precision: precision to store or compute in.
        calibration: folder of pictures; None for drawings, and where none are needed.
        keep_float: modules whose convolutions stay in float.
        limits: largest cost.
    """

    precision: Precision
    calibration: Path | None
    keep_float: tuple[str, ...]
    limits: Limits

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
    folder = None if calibration is None else Path(calibration)
    return PrecisionPlan(chosen, folder, keep_float, limits)
