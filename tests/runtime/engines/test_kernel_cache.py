"""Kept kernels: whole or not at all, for one key alone, and never tried again after a process died of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from full_disk import mounted, room_for
from kernel_keys import CONTENT, DEVICE, KEY, OTHERS

from deepmark.runtime.engines.kernel_cache import KernelKey, drop_condemned, lend_kernels

_CHILD = """
import os, signal, sys, time
from test_kernel_cache import CONTENT, KEY
from deepmark.runtime.engines.kernel_cache import lend_kernels
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(folder))
    return folder / "kernels"


def _fill(key: KernelKey = KEY, content: bytes = CONTENT) -> None:
    with lend_kernels(key) as loan:
        assert loan.file is not None
        loan.file.write_bytes(content)  # as MNN does
        loan.keep(15_000.0)


def _lent(key: KernelKey = KEY) -> bytes | None:
    with lend_kernels(key) as loan:
        if not loan.filled:
            assert loan.state == "compiled"
            return None
        assert (loan.state, loan.compiled_ms) == ("cached", 15_000.0)
        assert loan.file is not None
        return loan.file.read_bytes()


def _names(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def _start(script: str) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([os.fspath(Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD + script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )


def test_what_was_kept_is_lent_to_the_same_session_alone(cache: Path) -> None:
    assert _lent() is None
    _fill()
    assert _lent() == CONTENT
    assert len({one.file_name() for one in (KEY, *OTHERS)}) == len(OTHERS) + 1
    assert all(_lent(one) is None for one in OTHERS)
    assert _names(cache) == [KEY.file_name()]  # no marks, no scratch files


def test_nothing_is_written_where_mnn_added_nothing(cache: Path) -> None:
    _fill()
    before = (cache / KEY.file_name()).stat().st_mtime_ns
    with lend_kernels(KEY) as loan:
        loan.keep(800.0)
    assert (cache / KEY.file_name()).stat().st_mtime_ns == before
    with lend_kernels(KEY) as loan:
        assert loan.file is not None
        loan.file.write_bytes(CONTENT + b"more")
        loan.keep(800.0)
    assert _lent() == CONTENT + b"more"  # and still says what it took to compile


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[:20],
        lambda whole: whole[:-1],
        lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
        lambda whole: whole + b"\0",
        lambda whole: whole.replace(b"r18p0", b"r19p0"),
        lambda _: b"deepmark kernels 1\n[]\n" + CONTENT,
        lambda _: b"\x7fELF" + bytes(1000),
    ],
)
def test_a_damaged_or_foreign_file_is_not_lent_and_replaced(
    cache: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    _fill()
    entry = cache / KEY.file_name()
    assert callable(damage)
    entry.write_bytes(damage(entry.read_bytes()))
    assert _lent() is None
    assert "cached kernels are damaged, and compiled again" in caplog.text
    _fill()
    assert _lent() == CONTENT


def test_another_key_s_file_under_this_name_is_not_lent(cache: Path) -> None:
    other = replace(KEY, device=replace(DEVICE, driver="r19p0"))
    _fill(other)
    (cache / other.file_name()).rename(cache / KEY.file_name())
    assert _lent() is None


def test_a_session_that_fails_with_it_has_it_thrown_away(cache: Path) -> None:
    _fill()
    with lend_kernels(KEY) as loan:
        loan.condemn()
        assert not loan.filled
        assert loan.file is not None
        assert not loan.file.exists()
        loan.file.write_bytes(b"better")
        loan.keep(15_000.0)
    assert _lent() == b"better"


def test_a_process_that_dies_of_it_condemns_it(cache: Path) -> None:
    _fill()
    child = _start("with lend_kernels(KEY) as loan:\n    assert loan.filled\n    os.kill(os.getpid(), signal.SIGSEGV)")
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGSEGV
    assert drop_condemned("another") == 0
    assert drop_condemned(KEY.model_sha256[:16]) == 1
    assert _lent() is None
    _fill()
    assert _lent() == CONTENT
    assert _names(cache) == [KEY.file_name()]


def test_a_process_that_is_at_it_condemns_nothing(cache: Path) -> None:
    _fill()
    child = _start(
        "with lend_kernels(KEY) as loan:\n    assert loan.filled\n    print('in', flush=True)\n    sys.stdin.readline()"
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"in\n"
    assert drop_condemned() == 0
    assert _lent() == CONTENT
    child.terminate()
    child.communicate(timeout=60)


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_one_whole(cache: Path) -> None:
    """At any time: the name is a whole old or a whole new file."""
    script = """
number = 0
while True:
    with lend_kernels(KEY) as loan:
        loan.file.write_bytes(bytes([number % 251]) * (8 << 20))
        loan.keep(15_000.0)
    number += 1
    print(number, flush=True)
"""
    for pause in (0.0, 0.003, 0.011, 0.02):
        child = _start(script)
        assert child.stdout is not None
        assert child.stdout.readline()
        time.sleep(pause)  # somewhere in the next one, whatever the machine's speed
        child.kill()
        child.communicate(timeout=60)
        drop_condemned()  # it may have died while it tried one
        found = _lent()
        assert found is None or (len(found) == 8 << 20 and len(set(found)) == 1)
    _fill()
    assert _names(cache) == [KEY.file_name()]  # what the killed ones left is swept


def test_without_a_place_it_is_said_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(tmp_path / "file"))
    with lend_kernels(KEY) as loan:
        assert loan.file is None
        assert loan.state.startswith("compiled, not cached: cannot write ")
        loan.keep(1.0)
    with mounted(tmp_path / "disk", "size=64k") as disk:
        monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(disk / "cache"))
        _fill()
        subprocess.run(["mount", "-o", "remount,ro", os.fspath(disk)], check=True)
        with lend_kernels(KEY) as loan:  # no mark can be set, so what is there is not tried either
            assert loan.file is None
            assert "Read-only file system" in loan.state


def test_a_full_disk_keeps_nothing_and_says_so(cache: Path) -> None:
    with lend_kernels(KEY) as loan:
        assert loan.file is not None
        loan.file.write_bytes(CONTENT)
        with room_for(100):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            loan.keep(1.0)
        assert loan.state == "compiled, not cached: File too large"
    assert _lent() is None
    assert not cache.exists()  # a folder made for nothing goes, too


def test_the_oldest_go(cache: Path) -> None:
    keys = [replace(KEY, shape=(1, 3, 32, 32 * number)) for number in range(1, 67)]
    for number, key in enumerate(keys):
        _fill(key, b"x")
        os.utime(cache / key.file_name(), (number, number))
    assert len(_names(cache)) == 64
    assert _lent(keys[0]) is None
    assert _lent(keys[-1]) == b"x"


def test_the_header_can_be_read_by_people(cache: Path) -> None:
    _fill()
    magic, header, _ = (cache / KEY.file_name()).read_bytes().split(b"\n", 2)
    assert magic == b"deepmark kernels 1"
    assert json.loads(json.loads(header)["key"])["device"]["name"] == "Mali-G76"
