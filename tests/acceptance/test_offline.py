"""No command needs a network or reports to anyone.

All of them run in a network namespace without one, with sockets forbidden, and leave nothing in the user's folders.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

UNRELIABLE = 5  # exit status of a bench on a busy machine

SITECUSTOMIZE = """
import os, socket

class _NoSocket(socket.socket):
    def connect(self, *_): os.abort()
    def connect_ex(self, *_): os.abort()
    def sendto(self, *_): os.abort()

socket.socket = _NoSocket
socket.create_connection = socket.getaddrinfo = lambda *_, **__: os.abort()
"""


def _commands(checkpoint: Path, picture: Path, folder: Path) -> list[list[str]]:
    bundle, drawings = folder / "net.deepmark", folder / "drawings"
    one = folder / "one"
    one.mkdir()
    shutil.copy(picture, one)
    small = ["--size", "64", "--name", "net", "-o", str(folder), "--images", str(one)]
    data = ["--images", str(drawings), "--annotations", str(drawings)]
    return [
        # Simplifying and explaining import ONNX Runtime on ways of their own.
        ["export", str(checkpoint), "--to", "onnx", "--to", "mnn", "--simplify", "--explain", *small],
        ["verify", str(bundle)],
        ["detect", str(bundle), str(picture), "-o", str(folder / "pictures"), "--backend", "onnxruntime"],
        ["bench", str(bundle), "--backend", "onnxruntime", "--rounds", "2", "--runs", "2", "--seconds", "0.1"],
        ["synth", str(drawings), "--count", "2", "--size", "64", "--workers", "1"],
        ["eval", str(bundle), *data, "--backend", "onnxruntime", "--workers", "1"],
        ["inspect", str(checkpoint)],
        ["doctor"],
    ]


def _namespace_without_a_network() -> list[str]:
    """The words before a command that take the network away from it; none where that needs root."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-n", "true"], capture_output=True).returncode:
        return []
    return [unshare, "-n"]


def test_every_command_works_without_a_network_touches_no_socket_and_no_pip_and_prepares_no_report(
    demo_checkpoint: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    """A trap ends a process that reaches for a socket or pip, and the system has no network for one that evades it.

    A library that reports from C keeps what it has to say in files; so none may appear.
    """
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (trap / "pip.py").write_text("import os; os.abort()\n")
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"PYTHONPATH": str(trap), "HOME": str(home), "TMPDIR": str(temporary)}
    proof = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    assert subprocess.run(proof, env=environment, capture_output=True).returncode < 0, "the trap is not set"
    for arguments in _commands(demo_checkpoint, demo_pictures[0], tmp_path):
        command = [*_namespace_without_a_network(), sys.executable, "-m", "deepmark", *arguments]
        end = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert end.returncode in {0, UNRELIABLE if arguments[0] == "bench" else 0}, (arguments, end.stderr)
        left = [path for folder in (home, temporary) for path in folder.rglob("*") if path.is_file()]
        assert left == [], arguments
