"""``deepmark synth`` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deepmark.commands.synth import command
from deepmark.errors import DataError


def test_json_is_the_only_thing_on_stdout(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, [str(tmp_path / "set"), "--count", "3", "--size", "64", "--workers", "1", "--json"]
    )
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["pictures"] == 3
    assert summary["items"] == sum(summary["classes"].values())
    assert len(list((tmp_path / "set" / "image").iterdir())) == 3


def test_a_person_gets_a_table_and_the_speed_on_stderr(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "set"), "--count", "2", "--size", "64", "--workers", "1"])
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "pictures/s" in result.stderr
    assert "sling dress" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--count", "0"), ("--size", "63"), ("--size", "2049"), ("--seed", "-1"), ("--workers", "0"), ("--count", "many")],
)
def test_senseless_numbers_are_usage_errors(tmp_path: Path, arguments: tuple[str, str]) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "set"), *arguments])
    assert result.exit_code == 2
    assert not (tmp_path / "set").exists()


def test_a_used_folder_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    result = CliRunner().invoke(command, [str(tmp_path), "--count", "1"])
    assert isinstance(result.exception, DataError)
    assert result.exception.hint


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; import deepmark.commands.synth; print(sorted({'numpy', 'cv2', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_needs_no_torch() -> None:
    code = (
        "import sys; from deepmark.models.datasets.drawings import draw; draw(0, 0, 64); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
