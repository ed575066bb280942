"""Batches made ahead: in their order, not too many, and what goes wrong is heard of."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from deepmark.errors import DataError
from deepmark.models.datasets.drawings import draw
from deepmark.models.training.batches import made_ahead
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.log import resident_mib
from deepmark.models.training.trainer import Trainer


@pytest.mark.parametrize("loaders", [0, 1, 3])
def test_results_come_in_order_whoever_is_first(loaders: int) -> None:
    def make(step: int) -> int:
        time.sleep(0.002 * (step % 3))
        return step * step

    with made_ahead(make, range(5, 25), loaders) as made:
        assert list(made) == [step * step for step in range(5, 25)]


@pytest.mark.parametrize("loaders", [1, 2])
def test_few_are_made_ahead_and_none_after_the_end(loaders: int) -> None:
    begun: list[int] = []

    def begin(step: int) -> int:
        begun.append(step)
        return step

    with made_ahead(begin, range(1000), loaders) as made:
        assert [next(made) for _ in range(10)] == list(range(10))
        deadline = time.monotonic() + 5
        while len(begun) < 10 + loaders + 1 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert sorted(begun) == list(range(10 + loaders + 1))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


@pytest.mark.parametrize("loaders", [0, 2])
def test_what_goes_wrong_is_raised_at_its_step(loaders: int) -> None:
    def make(step: int) -> int:
        if step == 3:
            raise DataError("000003.jpg is damaged")
        return step

    with made_ahead(make, range(10), loaders) as made:
        assert [next(made) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(DataError, match=r"000003\.jpg"):
            next(made)


def test_batches_of_several_threads_are_those_of_none() -> None:
    drawings = [draw(5, number, 64) for number in range(3)]
    pictures = [(drawing.image_bgr_u8, drawing.items) for drawing in drawings]
    training = Trainer(TrainConfig(size=32, batch=2), pictures)
    with made_ahead(training.batch, range(4), 3) as made:
        threaded = list(made)
    for step, batch in enumerate(threaded):
        own = training.batch(step)
        assert torch.equal(batch.images, own.images)
        np.testing.assert_array_equal(batch.hm_hp, own.hm_hp)
        assert torch.equal(batch.hps, own.hps)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_batches() -> None:
    """A batch has 1 MiB here: kept, a hundred of them would show."""
    drawings = [draw(5, number, 64) for number in range(8)]
    training = Trainer(TrainConfig(size=64, batch=8), [(drawing.image_bgr_u8, drawing.items) for drawing in drawings])
    with made_ahead(training.batch, range(150), 2) as made:
        for _ in range(50):
            next(made)
        before = resident_mib()
        for _ in made:
            pass
    assert resident_mib() - before < 30
