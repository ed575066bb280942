"""The first load of a file: in a child, so that nothing in a file can end the caller."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import Tiny, write_bundle

from deepmark.errors import BundleError, EngineError
from deepmark.runtime.bundle import Backend
from deepmark.runtime.embedded_manifest import _follow, _table
from deepmark.runtime.engines import trial_load
from deepmark.runtime.engines.loading import load_engine

NET_OPERATORS, OPERATOR_INPUTS = 3, 0  # fields of MNN's tables Net and Op


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


@pytest.fixture
def crashing(tiny: Tiny, tmp_path: Path) -> Path:
    """A model whose third operator reads tensor number 1,000,000: MNN follows it."""
    content = bytearray(tiny.mnn.read_bytes())
    net = _table(memoryview(content), _follow(memoryview(content), 0))
    operators = _follow(memoryview(content), net[NET_OPERATORS])
    third = _table(memoryview(content), _follow(memoryview(content), operators + 4 + 2 * 4))
    inputs = _follow(memoryview(content), third[OPERATOR_INPUTS])
    struct.pack_into("<I", content, inputs + 4, 1_000_000)
    path = tmp_path / "crashing.mnn"
    path.write_bytes(content)
    return path


def test_a_model_that_crashes_the_library_raises_here(crashing: Path, tmp_path: Path, own_cache: Path) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(BundleError, match=r"crashing\.mnn: MNN crashes on it with SIG(SEGV|ABRT|BUS)") as caught:
        load_engine(crashing)
    assert caught.value.hint is not None
    assert not own_cache.exists(), "what crashed is not remembered as good"
    assert set(tmp_path.iterdir()) == before, "no core dump"


def test_it_would_really_have_crashed(crashing: Path) -> None:
    code = (
        "import sys, pathlib, numpy; from deepmark.runtime.engines.sessions import open_session\n"
        "open_session(pathlib.Path(sys.argv[1]), 'mnn', 1).run(numpy.zeros((1, 3, 64, 96), numpy.float32))"
    )
    child = subprocess.run([sys.executable, "-c", code, crashing], check=False, capture_output=True, timeout=60)
    assert child.returncode < 0


def test_a_sealed_bundle_around_a_crashing_model_raises_too(crashing: Path, tiny: Tiny, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "evil.deepmark", tiny.manifest, {"model.mnn": crashing})
    with pytest.raises(BundleError, match=r"evil\.deepmark: MNN crashes on it"):
        load_engine(bundle)


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
    ],
)
def test_each_end_of_the_child_has_its_own_sentence(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, signal_number: int, kind: type[Exception], sentence: str
) -> None:
    run = subprocess.run

    def suicide(_: list[str], **options: Any) -> Any:
        code = f"import os; os.write(2, b'oh dear\\n'); os.kill(os.getpid(), {signal_number})"
        return run([sys.executable, "-c", code], **options)

    monkeypatch.setattr(subprocess, "run", suicide)
    with pytest.raises(kind, match=sentence):
        load_engine(tiny.mnn)


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
