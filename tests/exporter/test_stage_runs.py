"""Stages in threads of their own: the same samples, in order; errors where they belong; nothing goes on afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch
from tiny_network import tiny_manifest, tiny_network

from deepmark.errors import ConversionError
from deepmark.exporter import stage_runs
from deepmark.exporter.parity import ParityReport, Tolerances
from deepmark.exporter.pictures import ParityPicture, noise
from deepmark.exporter.stage_runs import StageRuns
from deepmark.exporter.stages import (
    ChainStage,
    compare_samples,
    compare_stages,
    one_torch_thread,
    torch_stage,
    twin,
)
from deepmark.runtime.arrays import F32

MANIFEST = tiny_manifest()
PICTURES = [ParityPicture(str(number), np.roll(noise((32, 64)), number)) for number in range(4)]
SECONDS = 60


@contextmanager
def _stage(run: Callable[[F32], dict[str, F32]]) -> Iterator[ChainStage]:
    yield ChainStage("made up", run)


def _zeros(x: F32) -> dict[str, F32]:
    cells = (x.shape[2] // 4, x.shape[3] // 4)
    return {name: np.zeros((channels, *cells), np.float32) for name, channels in MANIFEST.heads.tensors.items()}


def _alive() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "deepmark-stage"]


def test_stages_at_once_are_compared_to_the_same_report_as_one_after_the_other() -> None:
    network = tiny_network()
    with torch_stage(network, MANIFEST.heads) as stage:
        expected = compare_stages([stage, ChainStage("second", stage.run)], PICTURES, MANIFEST, Tolerances())
    with one_torch_thread(), StageRuns(PICTURES, MANIFEST) as runs:
        for name in ("torch", "second"):
            runs.start(name, partial(torch_stage, twin(network), MANIFEST.heads))
        found = compare_samples(runs.names, runs.samples(), MANIFEST, Tolerances())
    assert found == expected
    assert isinstance(found, ParityReport)
    assert found.hops[0].pictures == len(PICTURES)
    assert not _alive()


def test_a_stage_runs_while_another_is_still_being_made() -> None:
    computed = threading.Event()

    def run(x: F32) -> dict[str, F32]:
        computed.set()
        return _zeros(x)

    with StageRuns(PICTURES, MANIFEST) as runs:
        runs.start("first", partial(_stage, run))
        assert computed.wait(SECONDS)  # before anybody asked for a sample
        runs.start("second", partial(_stage, _zeros))
        rows = [(picture.name, len(samples)) for picture, samples in runs.samples()]
    assert rows == [(picture.name, 2) for picture in PICTURES]


def test_a_stage_is_ahead_by_no_more_pictures_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_runs, "AHEAD_BYTES", 1)
    begun: list[int] = []
    third = threading.Event()

    def run(x: F32) -> dict[str, F32]:
        begun.append(len(begun))
        if len(begun) == 3:
            third.set()
        return _zeros(x)

    with StageRuns(PICTURES, MANIFEST) as runs:
        runs.start("only", partial(_stage, run))
        assert not third.wait(0.2)  # one is ready, one waits for its place
        samples = runs.samples()
        next(samples)
        assert third.wait(SECONDS)
        assert len(list(samples)) == len(PICTURES) - 1


@pytest.mark.parametrize("at_once", [True, False])
def test_stages_of_a_large_network_take_turns(at_once: bool) -> None:
    working: list[str] = []
    most: list[int] = []
    met = threading.Barrier(2)

    def run(x: F32) -> dict[str, F32]:
        working.append("")
        if at_once:
            met.wait(SECONDS)
        most.append(len(working))
        if at_once:
            met.wait(SECONDS)
        working.pop()
        return _zeros(x)

    with StageRuns(PICTURES, MANIFEST, at_once=at_once) as runs:
        for name in ("first", "second"):
            runs.start(name, partial(_stage, run))
        assert len(list(runs.samples())) == len(PICTURES)
    assert max(most) == (2 if at_once else 1)


def test_the_error_is_the_first_stages_at_the_picture_where_it_failed() -> None:
    def failing(at: int, words: str) -> Callable[[F32], dict[str, F32]]:
        calls = iter(range(len(PICTURES)))

        def run(x: F32) -> dict[str, F32]:
            if next(calls) == at:
                raise ConversionError(words, stage="made up")
            return _zeros(x)

        return run

    with StageRuns(PICTURES, MANIFEST) as runs:
        runs.start("late", partial(_stage, failing(2, "of the first")))
        runs.start("early", partial(_stage, failing(1, "of the second")))
        seen: list[str] = []
        with pytest.raises(ConversionError, match="of the second"):
            seen.extend(picture.name for picture, _ in runs.samples())
    assert seen == ["0"]
    assert not _alive()


def test_stages_that_nobody_asks_end_with_the_block() -> None:
    with StageRuns(PICTURES, MANIFEST) as runs:
        runs.start("first", partial(_stage, _zeros))
    assert not _alive()


def test_a_twin_has_the_same_weights_in_memory_and_hooks_of_its_own() -> None:
    network = tiny_network()
    other = twin(network)
    for mine, same in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        assert mine.data_ptr() == same.data_ptr()
    heard: list[str] = []
    other.get_submodule("hm").register_forward_hook(lambda *_: heard.append("twin"))
    with torch.inference_mode():
        network(torch.zeros(1, 3, 32, 32))
    assert not heard


def test_torch_computes_with_one_thread_in_other_threads_too_and_with_its_own_number_afterwards() -> None:
    before = torch.get_num_threads()
    found: list[int] = []
    with one_torch_thread():
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    assert found == [1]
    assert torch.get_num_threads() == before
