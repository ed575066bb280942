"""The paper's search (sections 3.2 and 4.1): one parameter after the other, 21 values each, and a map of two.

The paper gives the grid (0 to 1, step 0.05) and the objective, accuracy of landmarks; it says neither where its search
began nor in which order it went. Here it begins at the parameters that the bundle has, goes in the order in which the
paper introduces them, and each best value is kept for those behind it. So every step can only gain on the pictures
that are searched, and a second search goes on where the first one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from deepmark.runtime.decoding.params import DecoderParams

Parameter = Literal["alpha", "sigma_center", "sigma_keypoint", "gamma"]

OFF: dict[Parameter, float] = {"alpha": 1.0, "sigma_center": 0.0, "sigma_keypoint": 0.0, "gamma": 1.0}  # in order
TECHNIQUE_OF: dict[Parameter, int] = {"alpha": 1, "sigma_center": 2, "sigma_keypoint": 2, "gamma": 3}


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy under some parameters.

    Attributes:
        map_pt: mAP of landmarks; None for boxes only.
        map_box: mAP of boxes; None where it was not asked for.
    """

    map_pt: float | None
    map_box: float | None

    @property
    def sought(self) -> float:
        """What a search looks for the most of: mAP of landmarks, or of boxes where there are none."""
        sought = self.map_box if self.map_pt is None else self.map_pt
        assert sought is not None
        return sought


ScoreAll = Callable[[Iterable[DecoderParams]], Iterator[Score]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One value of a parameter, all others as they were then; see `Score`."""

    value: float
    map_pt: float | None
    map_box: float | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """The search of one parameter.

    Attributes:
        parameter: name of the parameter.
        start: value before the search.
        best: value after the search.
        trials: values that were tried, ascending.
    """

    parameter: Parameter
    start: float
    best: float
    trials: tuple[Trial, ...]


def make_grid(steps: int) -> tuple[float, ...]:
    """Give the values 0, 1 / steps, ..., 1, as the decimals nearest to them."""
    return tuple(round(number / steps, 10) for number in range(steps + 1))


def values_of(parameter: Parameter, start: DecoderParams, grid: Sequence[float]) -> tuple[float, ...]:
    """Give the values that a search tries: the grid, and the present value where the grid lacks it."""
    return tuple(sorted({*grid, getattr(start, parameter)}))


def with_value(params: DecoderParams, parameter: Parameter, value: float) -> DecoderParams:
    """Return the parameters with one of them changed."""
    change: dict[str, Any] = {parameter: value}
    return replace(params, **change)


def search(
    start: DecoderParams, grid: Sequence[float], parameters: Sequence[Parameter], score_all: ScoreAll
) -> tuple[DecoderParams, tuple[Sweep, ...]]:
    """Search parameters one after the other.

    Args:
        start: parameters to begin at.
        grid: values to try.
        parameters: names of the parameters, in the order of the search.
        score_all: function that measures how good parameters are.

    Returns:
        The best parameters, and how they were found. Of equally good values the one nearer to "off" wins.
    """
    params, sweeps = start, []
    for name in parameters:
        values = values_of(name, params, grid)
        scores = tuple(score_all([with_value(params, name, value) for value in values]))
        trials = tuple(Trial(value, score.map_pt, score.map_box) for value, score in zip(values, scores, strict=True))
        sought = {value: score.sought for value, score in zip(values, scores, strict=True)}
        best = max(values, key=lambda value: (sought[value], -abs(value - OFF[name])))
        sweeps.append(Sweep(name, getattr(params, name), best, trials))
        params = with_value(params, name, best)
    return params, tuple(sweeps)


@dataclass(frozen=True, slots=True)
class SigmaMap:
    """Technique 2 in full (Figure 10): mAP_pt of every pair of sigmas, alpha and gamma as the search left them.

    Attributes:
        sigmas: values of both sigmas, in cells.
        map_pt: mAP_pt of each pair: ``map_pt[i][j]`` belongs to ``sigma_keypoint = sigmas[i]`` and ``sigma_center =
            sigmas[j]``.
        found: ``sigma_center``, ``sigma_keypoint`` that the search chose one after the other, in cells.
    """

    sigmas: tuple[float, ...]
    map_pt: tuple[tuple[float, ...], ...]
    found: tuple[float, float]

    @property
    def best(self) -> tuple[float, float, float]:
        """``sigma_center``, ``sigma_keypoint`` and mAP_pt of the best pair; of equals the one nearest to 0."""
        cells = [
            (value, -(x + y), x, y)
            for y, row in zip(self.sigmas, self.map_pt, strict=True)
            for x, value in zip(self.sigmas, row, strict=True)
        ]
        value, _, x, y = max(cells)
        return x, y, value


def map_sigmas(params: DecoderParams, grid: Sequence[float], score_all: ScoreAll) -> SigmaMap:
    """Score every pair of sigmas; ``sigma_keypoint`` changes last, as its values cost most."""
    pairs = [replace(params, sigma_center=center, sigma_keypoint=keypoint) for keypoint in grid for center in grid]
    values = [score.sought for score in score_all(pairs)]
    side = len(grid)
    rows = tuple(tuple(values[at : at + side]) for at in range(0, len(values), side))
    return SigmaMap(tuple(grid), rows, (params.sigma_center, params.sigma_keypoint))
