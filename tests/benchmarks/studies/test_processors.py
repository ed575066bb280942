"""The study of processors: every one that is asked for verifies, and what it says is what `deepmark verify` says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies import processors
from deepmark.errors import EngineError


@pytest.mark.slow
def test_every_processor_and_level_is_a_row(
    study: Callable[..., Outcome], demo_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script stands for the emulator: it notes its option, and runs the command that follows it."""
    seen = tmp_path / "seen"
    emulator = tmp_path / "emulator"
    emulator.write_text(f'#!/bin/sh\necho "$1" >> {seen}\nshift\nexec "$@"\n')
    emulator.chmod(0o755)
    monkeypatch.setattr(processors, "EMULATED", {"old": (os.fspath(emulator), "-old")})
    monkeypatch.setattr(processors, "THREADS", (1,))
    outcome = study("processors", demo_bundle, "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert seen.read_text() == "-old\n"
    assert [(one["processor"], one["engine"], one["passed"]) for one in document["verdicts"]] == [
        ("here", "mnn", True),
        ("here", "onnxruntime", True),
        ("old", "mnn", True),
        ("old", "onnxruntime", True),
    ]
    assert [(one["level"], one["from_one_thread"]) for one in document["levels"]] == [(3, 0), (2, 0), (1, 0), (0, 0)]
    assert all(0 < one["from_vectors"] < 1e-3 for one in document["levels"])


def test_a_missing_emulator_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no-such-emulator is missing"):
        processors.verify_everywhere(tmp_path, {"old": ("no-such-emulator",)})
