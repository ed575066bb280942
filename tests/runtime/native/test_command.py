"""``python -m deepmark.runtime.native``: what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deepmark.errors import EngineError
from deepmark.runtime.native.__main__ import main


def test_an_unknown_target_is_a_wrong_command_line() -> None:
    done = CliRunner().invoke(main, ["android-arm64-v8a"])
    assert done.exit_code == 2
    assert "'android-arm64-v8a' is not one of 'host', 'aarch64-linux-gnu', 'android'" in done.output


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["aarch64-linux-gnu"])
    assert isinstance(done.exception, EngineError)
    assert "aarch64-linux-gnu-g++" in str(done.exception)
    assert done.exception.hint
