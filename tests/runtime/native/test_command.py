"""``python -m deepmark.runtime.native``: what it refuses, and what it takes to say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deepmark.errors import EngineError, UsageError
from deepmark.runtime.native.__main__ import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["android-arm64-v8a"], "unknown target 'android-arm64-v8a'"),
        ([], "TARGET"),
        (["host", "--fast"], "--fast"),
    ],
)
def test_a_wrong_command_line_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        main(words)
    assert refused.value.exit_code == 2
    assert refused.value.hint


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"aarch64-linux-gnu-g\+\+") as missing:
        main(["aarch64-linux-gnu"])
    assert missing.value.hint


@pytest.mark.slow
def test_the_process_says_what_is_wrong_and_needs_no_click() -> None:
    script = (
        "import sys; sys.modules['click'] = None; import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    )
    command = [sys.executable, "-c", script, "deepmark.runtime.native", "abacus"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: unknown target 'abacus'",
        "hint: choose host, aarch64-linux-gnu, android",
    ]
