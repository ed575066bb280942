"""The plan of batches: the plain order where all is shown alike, one shape a batch, every picture once an epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.models.training.batch_plan import BatchPlan, shown_sizes
from deepmark.models.training.chance import ORDER, stream
from deepmark.runtime.arrays import I64
from deepmark.runtime.input_fit import Fit

SHAPES = np.array([(64, 64)] * 5 + [(64, 48)] * 9 + [(36, 64)] * 3)  # of 17 pictures


def _shown(*sizes: int) -> I64:
    return shown_sizes(SHAPES, sizes, fit="rect", multiple=32)


def _rect(*sizes: int, seed: int = 0) -> BatchPlan:
    return BatchPlan(_shown(*sizes), batch=4, seed=seed)


def test_pictures_shown_alike_come_in_the_plain_order() -> None:
    """As in trainings from before there were shapes, which go on as they began."""
    plan = BatchPlan.of_one_size(7, (32, 32), batch=3, seed=5)
    row = np.concatenate([stream(5, ORDER, epoch).permutation(7) for epoch in range(6)])
    assert np.concatenate([plan[step].pictures for step in range(14)]).tolist() == row.tolist()


def test_without_a_seed_pictures_come_as_they_are_numbered() -> None:
    plan = BatchPlan.of_one_size(3, (32, 64), batch=2, seed=None)
    assert [plan[step].pictures.tolist() for step in range(3)] == [[0, 1], [2, 0], [1, 2]]
    assert plan[0].input_hw == (32, 64)


def test_a_batch_has_one_shape_which_its_pictures_fit() -> None:
    plan, tables = _rect(64, 128), {side: _shown(side)[:, 0] for side in (64, 128)}
    inputs: Counter[tuple[int, int]] = Counter()
    for step in range(200):
        planned = plan[step]
        assert (tables[max(planned.input_hw)][planned.pictures] == planned.input_hw).all()
        inputs[planned.input_hw] += 1
    assert set(inputs) == {(64, 64), (128, 128), (128, 96), (96, 128)}  # 3:4 at 64 is rounded up to a square
    assert 60 < inputs[64, 64] < 140


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    batch=st.integers(1, 6),
    seed=st.integers(0, 9),
)
def test_every_picture_passes_once_an_epoch(counts: list[int], batch: int, seed: int) -> None:
    """Of each shape less than a batch waits at an epoch's end, and is the first to be shown in the next one."""
    shown = np.repeat([[[32 * (n + 1), 32]] for n in range(len(counts))], counts, axis=0)
    plan = BatchPlan(shown, batch=batch, seed=seed)
    epochs = 4
    steps = sum(epochs * count // batch for count in counts)
    seen = Counter(np.concatenate([plan[step].pictures for step in range(steps)]).tolist() if steps else ())
    assert max(seen.values(), default=0) <= epochs
    for group, count in enumerate(counts):
        first = sum(counts[:group])
        passed = sum(seen[number] for number in range(first, first + count))
        assert passed == epochs * count // batch * batch
        if count >= batch:
            assert min(seen[number] for number in range(first, first + count)) >= epochs - 1


def test_a_batch_is_the_same_whatever_was_asked_for_before() -> None:
    one = _rect(64, 96, 128)
    in_a_row = [one[step] for step in range(40)]
    alone = _rect(64, 96, 128)[39]
    for planned in (alone, one[39]):
        assert planned.pictures.tolist() == in_a_row[39].pictures.tolist()
        assert planned.input_hw == in_a_row[39].input_hw
    assert one[0].pictures.tolist() == in_a_row[0].pictures.tolist()


def test_another_seed_has_other_pictures_and_sizes() -> None:
    one, other = ([plan[step] for step in range(20)] for plan in (_rect(64, 128, seed=0), _rect(64, 128, seed=1)))
    assert [planned.pictures.tolist() for planned in one] != [planned.pictures.tolist() for planned in other]
    assert [planned.input_hw for planned in one] != [planned.input_hw for planned in other]


@pytest.mark.parametrize(("fit", "expected"), [("square", [[96, 96], [128, 128]]), ("rect", [[64, 96], [96, 128]])])
def test_sizes_are_of_the_longer_side(fit: Fit, expected: list[list[int]]) -> None:
    assert shown_sizes(np.array([[600, 1000]]), (96, 128), fit=fit, multiple=32).tolist() == [expected]
