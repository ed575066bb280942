"""Whether a gain is one: how it varies when the pictures are drawn again (bootstrap, percentiles)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.exporter.tuning.average_precision import Verdicts, mean_precision
from deepmark.runtime.arrays import Index

DRAWINGS = 1000
CONFIDENCE = 0.95
_AT_A_TIME = 1 << 22  # drawings times detections; bounds the memory


@dataclass(frozen=True, slots=True)
class Gain:
    """Two settings on the same pictures.

    Attributes:
        before: mAP of the first, in [0, 1], by hotcoco.
        after: mAP of the second.
        low: lower end of the interval of ``after - before``.
        high: upper end.
    """

    before: float
    after: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """``after - before``."""
        return self.after - self.before

    @property
    def is_significant(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


def interval(before: Verdicts, after: Verdicts, items: Index, *, seed: int) -> tuple[float, float]:
    """Estimate the interval of the difference in mAP.

    Each drawing takes as many pictures as there are, with replacement, the same for both settings, and computes both
    mAPs anew.

    Args:
        before: verdicts on the detections of the first setting.
        after: of the second.
        items: (pictures, classes) number of items to be found.
        seed: of the drawings.

    Returns:
        The percentiles between which `CONFIDENCE` of the differences lie.
    """
    rng = np.random.default_rng(seed)
    pictures = len(items)
    together = max(1, _AT_A_TIME // max(len(before.scores), len(after.scores), 1))
    differences = []
    for start in range(0, DRAWINGS, together):
        size = min(together, DRAWINGS - start)
        weights = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=size).astype(np.float64)
        differences.append(mean_precision(after, items, weights) - mean_precision(before, items, weights))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(np.concatenate(differences), [tail, 1 - tail])
    return float(low), float(high)
