"""No command needs a network: all of them run in a network namespace without one, and with sockets forbidden."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

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
    bundle = folder / "net.deepmark"
    return [
        ["export", str(checkpoint), "--to", "onnx", "--to", "mnn", "--size", "64", "--name", "net", "-o", str(folder)],
        ["verify", str(bundle)],
        ["detect", str(bundle), str(picture), "-o", str(folder / "pictures")],
        ["inspect", str(checkpoint)],
        ["doctor"],
    ]


def _namespace_without_a_network() -> list[str]:
    """The words before a command that take the network away from it; none where that needs root."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-n", "true"], capture_output=True).returncode:
        return []
    return [unshare, "-n"]


def test_every_command_works_without_a_network_and_touches_no_socket_and_no_pip(
    demo_checkpoint: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    """A trap ends a process that reaches for a socket or pip, and the system has no network for one that evades it."""
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (trap / "pip.py").write_text("import os; os.abort()\n")
    environment = {**os.environ, "PYTHONPATH": str(trap)}
    proof = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    assert subprocess.run(proof, env=environment, capture_output=True).returncode < 0, "the trap is not set"
    for arguments in _commands(demo_checkpoint, demo_pictures[0], tmp_path):
        command = [*_namespace_without_a_network(), sys.executable, "-m", "deepmark", *arguments]
        end = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert end.returncode == 0, (arguments, end.stderr)
