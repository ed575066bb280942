"""Fake phones behind the real adb, with a server of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_adbd import FakeAdbd, Plug
from fake_phone import FakePhone, Faults


@pytest.fixture(scope="session")
def adb_server() -> Iterator[str]:
    """The real adb with a server on a port of its own, out of the way of any other."""
    adb = shutil.which("adb")
    if adb is None:
        pytest.skip("no adb here (tools/adb.sh installs it)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", port)
        subprocess.run([adb, "start-server"], capture_output=True, check=True, timeout=60)
        yield adb
        subprocess.run([adb, "kill-server"], capture_output=True, timeout=60)


@pytest.fixture
def plug(adb_server: str, tmp_path: Path) -> Iterator[Plug]:
    """Connect fake phones; they are gone when the test ends."""
    devices: list[FakeAdbd] = []

    def connect(personality: str = "p40", faults: Faults | None = None) -> FakeAdbd:
        one = FakeAdbd(FakePhone(tmp_path / f"phone{len(devices)}", personality), faults)
        devices.append(one)
        subprocess.run([adb_server, "connect", one.serial], capture_output=True, timeout=60, env=os.environ)
        return one

    yield connect
    for one in devices:
        one.close()
        subprocess.run([adb_server, "disconnect", one.serial], capture_output=True, timeout=60, env=os.environ)
