"""Two pictures in one run or in two: equal results, and the faster way is measured once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import Tiny, noise

from deepmark.errors import BundleError, DataError, EngineError
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines import pair_choice
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.engines.mnn import MnnSession
from deepmark.runtime.engines.pair_choice import ONE_RUN, TWO_RUNS, choose_pair_runs, is_worth_a_batch
from deepmark.runtime.engines.timed_choice import ChoiceConditions, TimedChoice

BACKENDS: tuple[Backend, ...] = ("mnn", "onnxruntime")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture(scope="module", params=BACKENDS)
def engine(request: pytest.FixtureRequest, tiny: Tiny) -> Engine:
    return load_engine(tiny.bundle, threads=1, backend=request.param)


def picture(seed: int, height: int = 64, width: int = 96) -> Image8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(64, 96), (32, 64)])
def test_pictures_in_one_run_have_the_heads_of_their_own(engine: Engine, size: tuple[int, int]) -> None:
    pictures = [picture(seed, *size) for seed in (1, 2, 3)]
    for together, image in zip(engine.heads_together(pictures), pictures, strict=True):
        alone = engine.heads(image).dense()
        for name in ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset"):
            np.testing.assert_allclose(getattr(together, name), getattr(alone, name), atol=1e-5, err_msg=name)


def test_pictures_of_two_sizes_or_for_a_model_of_one_are_refused(engine: Engine, tiny: Tiny) -> None:
    with pytest.raises(EngineError, match="must have one size"):
        engine.heads_together([picture(1), picture(2, 64, 64)])
    with pytest.raises(DataError, match="must be a uint8 array"):
        engine.heads_together([picture(1), picture(2).astype(np.float32)])
    with (
        load_engine(tiny.fixed_mnn, threads=1) as fixed,
        pytest.raises(EngineError, match="takes one picture in a run"),
    ):
        fixed.heads_together([picture(1), picture(2)])


def test_what_mnn_ran_before_changes_no_bit_of_what_it_runs_now(tiny: Tiny) -> None:
    """A session is resized for every scale and batch; its algorithms were fixed at the first size, which is one."""
    inputs = [
        noise(count, 3, high, wide) for count, high, wide in [(1, 64, 96), (2, 64, 96), (1, 32, 160), (3, 32, 32)]
    ]

    def first_run(x: F32) -> dict[str, F32]:
        session = MnnSession(tiny.mnn, threads=1)
        session.output_shapes((1, 3, 64, 96))  # as `Engine` asks it first
        return session.run(x)

    expected = [first_run(x) for x in inputs]
    session = MnnSession(tiny.mnn, threads=1)
    session.output_shapes((1, 3, 64, 96))
    for number in (3, 0, 2, 1, 0, 3, 2, 1):
        found = session.run(inputs[number])
        for name, head in expected[number].items():
            np.testing.assert_array_equal(found[name], head, err_msg=name)


def choice(**milliseconds: float) -> TimedChoice:
    ways = {"one": ONE_RUN, "two": TWO_RUNS}
    conditions = ChoiceConditions("pair", "", {}, 1, 64, 96, {})
    times = {ways[name]: value for name, value in milliseconds.items()}
    return TimedChoice("deepmark-timed-choice/1", conditions, times)


@pytest.mark.parametrize(
    ("found", "worth"),
    [
        (choice(one=90, two=100), True),
        (choice(one=99, two=100), False),
        (choice(one=110, two=100), False),
        (choice(two=100), False),
        (None, False),
    ],
)
def test_a_batch_must_pay_for_its_memory(found: TimedChoice | None, worth: bool) -> None:
    assert is_worth_a_batch(found) is worth


def test_the_choice_is_measured_once_and_a_pair_is_run_as_it_says(
    tiny: Tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with load_engine(tiny.bundle, threads=1, pairs=True) as engine:
        said = engine.record.pairs
        assert said.startswith(f"{TWO_RUNS} ")
        assert ONE_RUN in said
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(pair_choice, "_in_two_runs", None)  # nothing is run
    with load_engine(tiny.bundle, threads=1, pairs=True) as engine:
        assert engine.record.pairs == said
    with load_engine(tiny.bundle, threads=1) as engine:
        assert (engine.record.pairs, engine.together) == ("", False)
    with load_engine(tiny.fixed_mnn, threads=1, pairs=True) as engine:
        assert (engine.record.pairs, engine.together) == ("", False)


def refuse() -> None:
    raise BundleError("MNN crashes on it")


def test_a_graph_that_takes_no_batch_is_run_twice_and_never_tried_again(engine: Engine) -> None:
    found = choose_pair_runs(engine, refuse)
    assert found is not None
    assert list(found.milliseconds) == [TWO_RUNS]
    assert not is_worth_a_batch(found)
    assert choose_pair_runs(engine, lambda: pytest.fail("it is known")) == found


def test_a_graph_that_says_something_else_in_a_batch_is_run_twice(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = engine.outputs_of

    def wrong(images: tuple[Image8, ...]) -> list[dict[str, F32]]:
        found = right(images)
        return found if len(images) == 1 else [found[0], found[0]]

    monkeypatch.setattr(engine, "outputs_of", wrong)
    found = choose_pair_runs(engine, lambda: None)
    assert found is not None
    assert list(found.milliseconds) == [TWO_RUNS]
