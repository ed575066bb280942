"""Switches that a library reads when it is imported are thrown before that, for us and for every child process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepmark.runtime.media.picture_size import MAX_PIXELS

NAMES = ("ORT_DISABLE_TELEMETRY", "OPENCV_IO_MAX_IMAGE_PIXELS")
PRINT = f"import os; print(*(os.environ.get(name) for name in {NAMES}))"


def _printed(code: str, **environment: str) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if name not in (*NAMES, "CI")}  # it is quiet under CI
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_children_of_ours_have_the_switches() -> None:
    child = f"import deepmark, subprocess, sys; subprocess.run([sys.executable, '-c', {PRINT!r}], check=True)"

    assert _printed(child) == ["1", str(MAX_PIXELS)]


def test_no_setting_of_the_user_breaks_the_promise_and_a_limit_of_his_own_is_kept() -> None:
    assert _printed(f"import deepmark; {PRINT}", ORT_DISABLE_TELEMETRY="0", OPENCV_IO_MAX_IMAGE_PIXELS="1000") == [
        "1",
        "1000",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "is_kept_quiet"), [("", True), ("import onnxruntime; ", False)])
def test_onnx_runtime_prepares_a_report_only_if_a_program_imported_it_before_us(
    before: str, is_kept_quiet: bool, tmp_path: Path
) -> None:
    """The second row is what SECURITY.md says of such programs; it fails when ONNX Runtime can be stopped later."""
    folders = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")}
    for folder in folders.values():
        Path(folder).mkdir()
    code = f"{before}import deepmark.runtime.engines.onnxruntime as engine; engine.import_onnxruntime()"

    _printed(code, **folders)

    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == (set() if is_kept_quiet else {"deviceid", "onnxruntime.db", ".ses"})
