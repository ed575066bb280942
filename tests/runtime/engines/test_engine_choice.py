"""Which engine `auto` takes: measured with a clock of our own, remembered, and measured again when in doubt."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tiny import Tiny

from deepmark.errors import DeepMarkError, EngineError, UsageError
from deepmark.runtime.bundle import Backend, OpenedBundle, open_bundle
from deepmark.runtime.engines import engine_choice as module
from deepmark.runtime.engines import timed_choice
from deepmark.runtime.engines.engine_choice import choose_engine
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.engines.timed_choice import TimedChoice


class Laboratory:
    """Engines that take the time that a test wants, on a clock that only they move."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.runs: list[str] = []

    def load(self, backend: Backend) -> Callable[[], object]:
        if backend not in self.seconds:
            raise EngineError(f"{backend} does not run here")

        def run() -> None:
            self.runs.append(backend)
            self.now += self.seconds[backend]

        return run

    def choose(self, model: OpenedBundle, threads: int = 1) -> TimedChoice:
        found = choose_engine(model, threads, self.load, lambda: self.now)
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def model(tiny: Tiny) -> OpenedBundle:
    return open_bundle(tiny.bundle)


@pytest.mark.parametrize(("mnn", "ort", "fastest"), [(0.1, 0.2, "mnn"), (0.2, 0.1, "onnxruntime"), (0.1, 0.1, "mnn")])
def test_the_faster_engine_is_taken(model: OpenedBundle, mnn: float, ort: float, fastest: str) -> None:
    found = Laboratory(mnn=mnn, onnxruntime=ort).choose(model)
    assert found.fastest == fastest
    assert found.milliseconds == pytest.approx({"mnn": 1e3 * mnn, "onnxruntime": 1e3 * ort})


def test_engines_take_turns_for_about_a_second(model: OpenedBundle) -> None:
    laboratory = Laboratory(mnn=0.05, onnxruntime=0.1)
    laboratory.choose(model)
    assert laboratory.runs[:4] == ["mnn", "onnxruntime"] * 2
    assert timed_choice.SECONDS <= laboratory.now - 0.15 <= timed_choice.SECONDS + 0.15 + 1e-9


def test_what_was_measured_is_remembered(model: OpenedBundle, cache: Path) -> None:
    first = Laboratory(mnn=0.2, onnxruntime=0.1).choose(model)
    later = Laboratory(mnn=0.1, onnxruntime=0.2)
    assert later.choose(model) == first
    assert not later.runs
    assert len(list(cache.iterdir())) == 1


def test_threads_and_versions_and_cpu_are_measured_apart(model: OpenedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    Laboratory(mnn=0.2, onnxruntime=0.1).choose(model)
    assert Laboratory(mnn=0.1, onnxruntime=0.2).choose(model, threads=2).fastest == "mnn"
    with monkeypatch.context() as patch:
        patch.setattr(module, "cpu_name", lambda: "another CPU")
        assert Laboratory(mnn=0.1, onnxruntime=0.2).choose(model).fastest == "mnn"
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "99")
    assert Laboratory(mnn=0.1, onnxruntime=0.2).choose(model).fastest == "mnn"


@pytest.mark.parametrize(
    "content", [b"", b"\xff{", b"[]", b'{"format": "deepmark-timed-choice/2"}', b"[" * 100_000], ids=range(5)
)
def test_a_damaged_file_is_measured_again_and_replaced(model: OpenedBundle, cache: Path, content: bytes) -> None:
    Laboratory(mnn=0.2, onnxruntime=0.1).choose(model)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert Laboratory(mnn=0.1, onnxruntime=0.2).choose(model).fastest == "mnn"
    assert Laboratory(mnn=0.2, onnxruntime=0.1).choose(model).fastest == "mnn"


def test_a_file_with_an_impossible_time_or_of_other_conditions_is_measured_again(
    model: OpenedBundle, cache: Path
) -> None:
    Laboratory(mnn=0.2, onnxruntime=0.1).choose(model)
    (file,) = cache.iterdir()
    good = file.read_bytes()
    for bad in (good.replace(b"100.0", b"-1.0"), good.replace(b'"threads":1', b'"threads":3')):
        assert bad != good
        file.write_bytes(bad)
        assert Laboratory(mnn=0.1, onnxruntime=0.2).choose(model).fastest == "mnn"


def test_an_engine_that_fails_is_left_out_and_tried_again_next_time(model: OpenedBundle) -> None:
    assert Laboratory(onnxruntime=0.1).choose(model).fastest == "onnxruntime"
    assert Laboratory(mnn=0.05, onnxruntime=0.1).choose(model).fastest == "mnn"


def test_the_first_error_is_raised_where_no_engine_runs(model: OpenedBundle) -> None:
    with pytest.raises(DeepMarkError, match="mnn does not run here"):
        Laboratory().choose(model)


def test_a_cache_that_cannot_be_written_costs_only_the_memory(
    model: OpenedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        laboratory = Laboratory(mnn=0.1, onnxruntime=0.2)
        assert laboratory.choose(model).fastest == "mnn"
        assert laboratory.runs


def test_a_model_with_one_file_is_not_measured(tiny: Tiny) -> None:
    laboratory = Laboratory(mnn=0.1)
    assert choose_engine(open_bundle(tiny.mnn), 1, laboratory.load) is None
    assert not laboratory.runs


def test_an_engine_that_is_not_installed_is_no_choice(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without_mnn(name: str) -> str:
        if name == "mnn":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_mnn)
    with load_engine(tiny.bundle, threads=1, backend="auto") as engine:
        assert engine.record.backend == "onnxruntime"
        assert not engine.record.choice


@pytest.mark.slow
def test_auto_loads_what_was_remembered_and_the_record_says_so(tiny: Tiny, cache: Path) -> None:
    with load_engine(tiny.bundle, threads=1, backend="auto") as engine:
        first = engine.record
    assert first.choice.startswith("mnn ")
    (file,) = cache.iterdir()
    known = msgspec.json.decode(file.read_bytes(), type=TimedChoice)
    for name in ("mnn", "onnxruntime"):
        times = {one: 1.0 if one == name else 2.0 for one in known.milliseconds}
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(known, milliseconds=times)))
        with load_engine(tiny.bundle, threads=1, backend="auto") as engine:
            assert engine.record.backend == name
    with load_engine(tiny.bundle, threads=1) as engine:
        assert (engine.record.backend, engine.record.choice) == ("mnn", "")


def test_settings_of_one_engine_do_not_go_with_a_choice(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="auto may choose another"):
        load_engine(tiny.bundle, threads=1, backend="auto", winograd=0)
