"""The first load of a file: in a child, so that nothing in a file can end the caller."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import Tiny

from deepmark.errors import BundleError, EngineError
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines import trial_load
from deepmark.runtime.engines.loading import load_engine


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEEPMARK_CACHE", str(folder))
    return folder


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines of the children that are started."""
    started = []
    run = subprocess.run

    def record(command: list[str], **options: Any) -> Any:
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", record)
    return started


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_the_second_load_starts_no_child(tiny: Tiny, children: list[list[str]], backend: Backend) -> None:
    for _ in range(2):
        load_engine(tiny.bundle, threads=1, backend=backend).close()
    assert len(children) == 1


@pytest.mark.slow
def test_each_file_engine_and_version_is_tried_for_itself(
    tiny: Tiny, children: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_engine(tiny.mnn, threads=1).close()
    load_engine(tiny.onnx, threads=1).close()
    load_engine(tiny.logits_mnn, threads=1).close()
    assert len(children) == 3
    monkeypatch.setattr("importlib.metadata.version", lambda _: "99.0")
    load_engine(tiny.mnn, threads=1).close()
    assert len(children) == 4


def test_what_is_remembered_is_one_empty_file(tiny: Tiny, own_cache: Path) -> None:
    load_engine(tiny.mnn, threads=1).close()
    (marker,) = [path for path in own_cache.rglob("*") if path.is_file()]
    assert marker.parent == own_cache / "loads"
    assert "-mnn-" in marker.name
    assert marker.stat().st_size == 0


@pytest.mark.slow
def test_without_a_cache_every_load_is_tried(
    tiny: Tiny, children: list[list[str]], own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_cache.write_text("a file where the folder should be")
    caplog.set_level("DEBUG", logger="deepmark")
    for _ in range(2):
        load_engine(tiny.mnn, threads=1).close()
    assert len(children) == 2
    assert "cannot remember that a model loads, it will be checked again" in caplog.text


def test_a_cache_folder_that_cannot_be_entered_is_no_error(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPMARK_CACHE", "/" + "too long a name" * 99)
    load_engine(tiny.mnn, threads=1).close()


def test_a_model_that_never_loads_is_given_up(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_load, "TIMEOUT_S", 0.01)
    with pytest.raises(BundleError, match=r"tiny\.mnn: MNN did not load it within 0\.01 s"):
        load_engine(tiny.mnn)


def test_the_library_s_own_refusal_comes_through(tiny: Tiny, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mnn"
    cut.write_bytes(tiny.mnn.read_bytes()[:-8])  # the manifest is still there
    with pytest.raises(BundleError, match=r"cut\.mnn: MNN cannot load cut\.mnn: Invalidate buffer"):
        load_engine(cut)


@pytest.mark.parametrize(
    ("signal_number", "kind", "sentence"),
    [
        (9, EngineError, "the process that loaded it was killed"),
        (6, BundleError, r"MNN crashes on it with SIGABRT \(its last words: oh dear\)"),
        (11, BundleError, r"tiny\.\w+: MNN crashes on it with SIGSEGV"),
    ],
)
@pytest.mark.parametrize("sealed", [False, True], ids=["a bare file", "a bundle"])
def test_each_end_of_the_child_has_its_own_sentence_and_leaves_nothing(
    tiny: Tiny,
    sealed: bool,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    signal_number: int,
    kind: type[Exception],
    sentence: str,
) -> None:
    run = subprocess.run

    def dying(command: list[str], **options: Any) -> Any:
        start = command[: command.index(sys.executable, 1)]  # what sets a child up, and forbids core dumps
        code = f"import os; os.write(2, b'oh dear\\n'); os.kill(os.getpid(), {signal_number})"
        return run([*start, sys.executable, "-c", code], **options)

    monkeypatch.setattr(subprocess, "run", dying)
    before = set(Path.cwd().iterdir())
    with pytest.raises(kind, match=sentence) as caught:
        load_engine(tiny.bundle if sealed else tiny.mnn, backend="mnn")
    assert caught.value.hint  # type: ignore[attr-defined]  # both kinds have one
    assert not own_cache.exists(), "what crashed is not remembered as good"
    assert set(Path.cwd().iterdir()) == before, "no core dump"


def test_a_child_that_cannot_start_is_said(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(EngineError, match="cannot start a process to load it in: No such file"):
        load_engine(tiny.mnn)


def test_the_child_does_not_import_from_the_working_folder(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "MNN.py").write_text("raise SystemExit('imported from the working folder')")
    monkeypatch.chdir(tmp_path)
    load_engine(tiny.mnn, threads=1).close()
