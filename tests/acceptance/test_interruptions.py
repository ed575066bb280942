"""Ctrl-C, kill, a full disk, two exports at once: an output folder holds a whole bundle or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from full_disk import mounted

pytestmark = pytest.mark.slow

TIMEOUT_S = 180


def _export(checkpoint: Path, output: Path, to: str = "onnx") -> list[str]:
    options = ["--to", to, "--size", "64", "--name", "net", "-o", str(output)]
    return [sys.executable, "-m", "deepmark", "export", str(checkpoint), *options]


def _start(checkpoint: Path, output: Path, to: str = "onnx") -> subprocess.Popen[str]:
    command = _export(checkpoint, output, to)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _wait_for(step: str, child: subprocess.Popen[str]) -> None:
    """Return as soon as the export says that it has come to this step."""
    assert child.stderr is not None
    printed = []
    for line in child.stderr:
        printed.append(line)
        if step in line:
            return
    pytest.fail(f"the export ended before it said {step!r}: {printed}")


def _verify(bundle: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deepmark", "verify", str(bundle)], capture_output=True, text=True, timeout=TIMEOUT_S
    )


@pytest.mark.parametrize("step", ["torch -> onnx", "onnx -> mnn", "comparing"])
def test_ctrl_c_in_mid_export_leaves_nothing(step: str, demo_checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    child = _start(demo_checkpoint, output, to="mnn")
    _wait_for(step, child)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: every process of the group is interrupted
    _, err = child.communicate(timeout=TIMEOUT_S)

    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "error: interrupted"
    assert not output.exists()


def test_a_kill_in_mid_export_leaves_no_half_bundle_and_the_next_export_cleans_up(
    demo_checkpoint: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    child = _start(demo_checkpoint, output, to="mnn")
    _wait_for("onnx -> mnn", child)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate(timeout=TIMEOUT_S)
    (left,) = output.iterdir()
    assert left.name.startswith(".")

    subprocess.run(_export(demo_checkpoint, output), check=True, capture_output=True, timeout=TIMEOUT_S)

    assert [path.name for path in output.iterdir()] == ["net.deepmark"]
    assert _verify(output / "net.deepmark").returncode == 0


def test_two_exports_into_one_folder_leave_one_whole_bundle(demo_checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    children = [_start(demo_checkpoint, output) for _ in range(2)]
    ends = [child.communicate(timeout=TIMEOUT_S)[1] for child in children]

    assert [child.returncode for child in children] == [0, 0], ends
    assert [path.name for path in output.iterdir()] == ["net.deepmark"]
    assert _verify(output / "net.deepmark").returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 20 MB; the ONNX file alone needs 78."""
    with mounted(tmp_path / "disk", "size=20m") as disk:
        yield disk


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(demo_checkpoint: Path, small_disk: Path) -> None:
    end = subprocess.run(
        _export(demo_checkpoint, small_disk / "out"), capture_output=True, text=True, timeout=TIMEOUT_S
    )

    assert end.returncode == 1
    assert "Traceback" not in end.stderr
    assert len([line for line in end.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert "space" in end.stderr.lower()
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
