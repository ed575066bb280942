"""One parameter after the other, from where the model is; and the map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from deepmark.errors import UsageError
from deepmark.exporter.tuning.parameter_search import parameters_of
from deepmark.exporter.tuning.sweeps import OFF, Score, make_grid, map_sigmas, search
from deepmark.runtime.decoding.params import DecoderParams

GRID = make_grid(20)
BEST = {"alpha": 0.35, "sigma_center": 0.6, "sigma_keypoint": 0.15, "gamma": 0.9}


def hill(many: Iterable[DecoderParams]) -> Iterator[Score]:
    """The nearer to BEST the better."""
    for one in many:
        yield Score(1 - sum(abs(getattr(one, name) - best) for name, best in BEST.items()), None)


def test_the_grid_is_the_papers() -> None:
    assert len(GRID) == 21
    assert GRID[:4] == (0, 0.05, 0.1, 0.15)  # the decimals, not sums of rounded steps
    assert GRID[-1] == 1


def test_every_parameter_is_found_in_the_papers_order_and_the_others_stay() -> None:
    start = DecoderParams(nms="hard", top_k=7, keypoint_threshold=0.2)

    found, sweeps = search(start, GRID, tuple(OFF), hill)

    assert {name: getattr(found, name) for name in BEST} == BEST
    assert [one.parameter for one in sweeps] == ["alpha", "sigma_center", "sigma_keypoint", "gamma"]
    assert [one.start for one in sweeps] == [0.8, 0.45, 0.9, 0.75]
    assert [one.best for one in sweeps] == list(BEST.values())
    assert [[trial.value for trial in one.trials] for one in sweeps] == [list(GRID)] * 4
    assert (found.nms, found.top_k, found.keypoint_threshold) == ("hard", 7, 0.2)


def test_each_best_value_is_kept_for_the_parameters_behind_it() -> None:
    asked: list[DecoderParams] = []

    def watch(many: Iterable[DecoderParams]) -> Iterator[Score]:
        listed = list(many)
        asked.extend(listed)
        return hill(listed)

    search(DecoderParams(), GRID, ("alpha", "gamma"), watch)

    assert {one.alpha for one in asked[:21]} == set(GRID)
    assert {one.gamma for one in asked[:21]} == {0.75}
    assert {one.alpha for one in asked[21:]} == {0.35}


def test_of_equal_values_the_one_nearest_to_off_wins() -> None:
    found, _ = search(DecoderParams(), GRID, tuple(OFF), lambda many: (Score(0.5, None) for _ in many))

    assert {name: getattr(found, name) for name in OFF} == OFF


def test_the_models_own_value_is_tried_even_where_the_grid_lacks_it() -> None:
    start = DecoderParams(alpha=0.337)

    found, (sweep,) = search(start, make_grid(4), ("alpha",), hill)

    assert found.alpha == 0.337
    assert [one.value for one in sweep.trials] == [0, 0.25, 0.337, 0.5, 0.75, 1]


def test_the_map_holds_every_pair_and_its_best() -> None:
    params = DecoderParams(alpha=0.35, gamma=0.9, sigma_center=0.25, sigma_keypoint=0.5)

    found = map_sigmas(params, GRID, hill)

    assert len(found.map_pt) == len(found.map_pt[0]) == 21
    assert found.best == pytest.approx((0.6, 0.15, 1))
    assert found.map_pt[3][12] == found.best[2]  # rows are sigma_keypoint
    assert found.found == (0.25, 0.5)


@pytest.mark.parametrize(
    ("techniques", "parameters"),
    [
        (None, ("alpha", "sigma_center", "sigma_keypoint", "gamma")),
        (frozenset((2, 4)), ("sigma_center", "sigma_keypoint")),
        (frozenset((3, 1)), ("alpha", "gamma")),
    ],
)
def test_techniques_have_their_parameters(techniques: frozenset[int] | None, parameters: tuple[str, ...]) -> None:
    assert parameters_of(techniques) == parameters


@pytest.mark.parametrize("techniques", [frozenset(), frozenset((4,))])
def test_without_a_parameter_there_is_nothing_to_search_for(techniques: frozenset[int]) -> None:
    with pytest.raises(UsageError, match="nothing to search for"):
        parameters_of(techniques)
