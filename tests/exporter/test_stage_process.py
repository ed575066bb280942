"""A model file runs in a process of its own: the same samples as here, and a sentence for each way in which it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_network import tiny_manifest

from deepmark.errors import ConversionError, EngineError
from deepmark.exporter import stage_process
from deepmark.exporter.pictures import ParityPicture, noise
from deepmark.exporter.stage_process import StageProcess, StageProcesses
from deepmark.exporter.stages import ChainStage, load_converted
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines import loading

MANIFEST = tiny_manifest()
PICTURES = [ParityPicture(str(number), np.roll(noise((64, 96)), number)) for number in range(2)]
SECONDS = 60


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def processes() -> Iterator[StageProcesses]:
    with StageProcesses(["mnn"]) as ready:
        yield ready


def test_samples_are_those_of_the_file_loaded_here(tiny_onnx: Path, tiny_mnn: Path, processes: StageProcesses) -> None:
    for file in (tiny_mnn, tiny_onnx):  # one process waits for MNN, none for ONNX Runtime
        with load_converted(file, "here") as engine, processes.stage(file, "there") as stage:
            for picture in PICTURES:
                expected = ChainStage.of("here", engine).sample(picture, MANIFEST)
                found = stage.sample(picture, MANIFEST)
                assert found.scales == expected.scales
                assert found.outputs.keys() == expected.outputs.keys()
                for name, head in expected.outputs.items():
                    np.testing.assert_array_equal(found.outputs[name], head)
                np.testing.assert_array_equal(found.objects.cells, expected.objects.cells)


def test_a_file_that_ran_is_known_to_later_loads(
    tiny_mnn: Path, processes: StageProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    with processes.stage(tiny_mnn, "mnn") as stage:
        stage.sample(PICTURES[0], MANIFEST)
    monkeypatch.setattr(subprocess, "run", None)  # no child is started any more
    loading.load_engine(tiny_mnn, threads=1).close()


def test_a_file_that_was_only_loaded_is_not(tiny_mnn: Path, processes: StageProcesses, own_cache: Path) -> None:
    with processes.stage(tiny_mnn, "mnn"):
        assert not own_cache.exists()


def test_a_file_that_the_library_refuses_is_a_conversion_that_failed(
    tiny_mnn: Path, tmp_path: Path, processes: StageProcesses
) -> None:
    cut = tmp_path / "cut.mnn"
    cut.write_bytes(tiny_mnn.read_bytes()[:-8])  # the manifest is still there
    words = r"^-> mnn: the converted model cannot be used: .*cut\.mnn: MNN cannot load cut\.mnn: Invalidate buffer"
    with pytest.raises(ConversionError, match=words), processes.stage(cut, "mnn"):
        raise AssertionError("it was loaded")


def _program(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process of a stage run this code in place of its own."""
    (tmp_path / "program.py").write_text(code)
    monkeypatch.setattr(stage_process, "module_command", lambda _: [sys.executable, str(tmp_path / "program.py")])


ANSWER = "import os, pickle, sys, time\npickle.load(sys.stdin.buffer)\n"
LOADED = f"{ANSWER}pickle.dump(None, sys.stdout.buffer)\nsys.stdout.flush()\npickle.load(sys.stdin.buffer)\n"


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
@pytest.mark.parametrize("before", [ANSWER, LOADED], ids=["while it loads", "at a picture"])
@pytest.mark.parametrize(
    ("signal_number", "kind", "sentence"),
    [
        (
            11,
            ConversionError,
            r"-> made: the converted model .* crashes on it with SIGSEGV \(its last words: oh dear\)",
        ),
        (9, EngineError, "the process that loaded it was killed"),
    ],
)
def test_each_end_of_the_process_has_its_own_sentence(
    backend: Backend,
    before: str,
    signal_number: int,
    kind: type[Exception],
    sentence: str,
    tiny_mnn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _program(f"{before}os.write(2, b'oh dear\\n')\nos.kill(os.getpid(), {signal_number})", tmp_path, monkeypatch)
    with StageProcess(backend) as process:

        def load_and_run() -> None:
            process.load(tiny_mnn, "made")
            process.sample(PICTURES[0], MANIFEST)

        with pytest.raises(kind, match=sentence):
            load_and_run()


def test_a_file_that_never_loads_is_given_up(tiny_mnn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_process, "TIMEOUT_S", 0.05)
    monkeypatch.setattr("deepmark.runtime.engines.trial_load.TIMEOUT_S", 0.05)
    _program(f"{ANSWER}time.sleep({SECONDS})", tmp_path, monkeypatch)
    with (
        StageProcess("mnn") as process,
        pytest.raises(ConversionError, match=r"tiny\.mnn: MNN did not load it within 0\.05 s"),
    ):
        process.load(tiny_mnn, "mnn")


def test_a_process_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.runtime.leash.sys.executable", "/nowhere/python")
    with pytest.raises(EngineError, match="cannot start a process for mnn: No such file"):
        StageProcess("mnn")


def test_processes_that_nobody_needed_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(f"import time; time.sleep({SECONDS})", tmp_path, monkeypatch)
    with StageProcesses(["mnn", "onnxruntime"]) as processes:
        waiting = [one._process for one in processes._waiting]
    assert [one.returncode for one in waiting] == [-9, -9]


def test_the_process_needs_no_torch() -> None:
    code = "import sys, deepmark.exporter.stage_process; print([n for n in ('torch', 'onnx') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
