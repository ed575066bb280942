"""``deepmark synth`` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from media_files import read_image

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


def test_pictures_have_the_height_and_width_that_were_asked_for(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "set"), "--count", "2", "--size", "128x96", "--workers", "1", "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["size"] == [128, 96]
    shapes = [read_image(path).shape for path in (tmp_path / "set" / "image").iterdir()]
    assert shapes == [(128, 96, 3)] * 2


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("63", "must be 64 to 2048 pixels, found 63"),
        ("2049", "must be 64 to 2048 pixels, found 2049"),
        ("256x32", "must be 64 to 2048 pixels, found 256x32"),
        ("0x0", "must be 64 to 2048 pixels, found 0x0"),
        ("3:4", "size must be N or HxW in pixels, found '3:4'; for example 256 or 256x192"),
        ("256x192x3", "size must be N or HxW in pixels, found '256x192x3'"),
        ("-256x192", "size must be N or HxW in pixels"),
    ],
)
def test_a_senseless_size_is_one_line(tmp_path: Path, size: str, said: str) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "set"), f"--size={size}"])
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]
    assert not (tmp_path / "set").exists()


def test_a_person_gets_a_table_and_the_speed_on_stderr(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "set"), "--count", "2", "--size", "64", "--workers", "1"])
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "pictures/s" in result.stderr
    assert "sling dress" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--count", "0"), ("--seed", "-1"), ("--workers", "0"), ("--count", "many")],
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
