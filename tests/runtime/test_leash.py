"""A child ends with its parent, whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepmark.runtime.leash import leash

# What Python's own threads and handlers cannot interrupt: native code that never returns and keeps Python's lock.
HANG = "import ctypes; ctypes.PyDLL(None).pause()"
DEAF = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM, signal.SIGINT}}); {HANG}"
PARENT = """
import subprocess, sys
from deepmark.runtime.leash import leash
child = subprocess.Popen([*leash(600), sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""


def _ended(process: int, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # nobody has asked for its status yet
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends by its alarm")
@pytest.mark.parametrize("program", [HANG, DEAF])
def test_a_child_that_hangs_ends_when_its_parent_is_killed(program: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not _ended(child, 0.5)
        parent.kill()
        parent.wait()

        assert _ended(child, 20)


def test_without_a_parent_that_waits_it_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.runtime.leash._SPARE_S", 1)

    ended = subprocess.run([*leash(0.0), sys.executable, "-c", HANG], timeout=60)

    assert ended.returncode == -signal.SIGALRM


def test_a_child_whose_parent_ended_at_once_does_not_begin() -> None:
    words = leash(None)
    words[-2] = "1"  # the number of another process

    ended = subprocess.run([*words, sys.executable, "-c", "print('began')"], capture_output=True, timeout=60)

    assert (ended.returncode, ended.stdout) == (1 if sys.platform == "linux" else 0, b"")


def test_a_program_on_the_leash_is_itself_in_all_else(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['ONE'], sys.argv[1:]); sys.exit(7)"
    words = [*leash(None), sys.executable, "-c", code, "a b"]

    ended = subprocess.run(words, cwd=tmp_path, env={**os.environ, "ONE": "1"}, capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (7, f"{tmp_path} 1 ['a b']\n")
