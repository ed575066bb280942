"""Kept kernels in C++: the files that Python makes, by the same rules, under sanitizers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from full_disk import mounted, room_for
from kernel_keys import CONTENT, DEVICE, KEY, OTHERS
from native_programs import compile_program

from deepmark.runtime.engines.kernel_cache import KernelKey, drop_condemned, lend_kernels

pytestmark = pytest.mark.slow

SOURCES = ("bytes", "file_lock", "folders", "gpu_settings", "json", "kernel_cache")
Language = Literal["C++", "Python"]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("kernel_cache_run"), "kernel_cache_run", SOURCES)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


class Programs:
    """One loan after the other, each in a process of its own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self.folder = program, folder

    def command(self, work: str, key: KernelKey, *words: object) -> list[str]:
        return [os.fspath(self._program), work, os.fspath(self.folder), key.text(), *map(str, words)]

    def run(self, work: str, key: KernelKey = KEY, *words: object) -> bytes:
        done = subprocess.run(self.command(work, key, *words), capture_output=True, timeout=60, check=False)
        assert not done.returncode, done.stderr.decode()
        return done.stdout

    def fill(self, key: KernelKey = KEY, content: bytes = CONTENT, work: str = "fill") -> str:
        file = self.folder.parents[1] / "written"
        file.write_bytes(content)
        return self.run(work, key, file).decode().strip()

    def lend(self, key: KernelKey = KEY, work: str = "lend") -> tuple[str, bytes]:
        """Return the state, and what was lent."""
        state, took, content = self.run(work, key).split(b"\n", 2)
        assert float(took) == (15_000 if state == b"cached" else -1)
        return state.decode(), content

    @contextmanager
    def started(self, work: str) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen(self.command(work, KEY), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            yield child
            child.kill()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def cpp(program: Path, cache: Path) -> Programs:
    return Programs(program, cache)


def _fill_in_python(key: KernelKey, content: bytes) -> None:
    with lend_kernels(key) as loan:
        assert loan.file is not None
        loan.file.write_bytes(content)
        loan.keep(15_000.0)


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        replace(KEY, gpu="vulkan", cpu_operators=True, precision=0, memory=2),
        replace(KEY, device=replace(DEVICE, name='Adreno "A" \\ (TM) 公', driver="", fp16=False)),
    ],
)
def test_the_name_and_the_key_are_python_s(cpp: Programs, key: KernelKey) -> None:
    assert cpp.run("name", key).decode().splitlines() == [key.file_name(), key.text()]


@pytest.mark.parametrize("writer", ["C++", "Python"])
@pytest.mark.parametrize("reader", ["C++", "Python"])
def test_each_language_takes_what_the_other_kept(cpp: Programs, writer: Language, reader: Language) -> None:
    key = replace(KEY, device=replace(DEVICE, name="Mali 公"))
    if writer == "C++":
        assert cpp.fill(key) == "compiled"
    else:
        _fill_in_python(key, CONTENT)
    if reader == "C++":
        assert cpp.lend(key) == ("cached", CONTENT)
    else:
        with lend_kernels(key) as loan:
            assert (loan.state, loan.compiled_ms) == ("cached", 15_000.0)
            assert loan.file is not None
            assert loan.file.read_bytes() == CONTENT
    assert cpp.names() == [key.file_name()]  # no marks, no scratch files


def test_what_was_kept_is_lent_to_the_same_session_alone(cpp: Programs) -> None:
    assert cpp.lend() == ("compiled", b"")
    cpp.fill()
    assert {cpp.lend(one) for one in OTHERS} == {("compiled", b"")}
    assert cpp.lend() == ("cached", CONTENT)


def test_nothing_is_written_where_mnn_added_nothing(cpp: Programs) -> None:
    cpp.fill()
    before = (cpp.folder / KEY.file_name()).stat().st_mtime_ns
    assert cpp.fill() == "cached"
    assert (cpp.folder / KEY.file_name()).stat().st_mtime_ns == before
    cpp.fill(content=CONTENT + b"more")
    assert cpp.lend() == ("cached", CONTENT + b"more")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[:20],
        lambda whole: whole[:-1],
        lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
        lambda whole: whole + b"\0",
        lambda whole: whole.replace(b"r18p0", b"r19p0"),
        lambda whole: whole.replace(b'"compiled_ms": 15000', b'"compiled_ms": -1'),
        lambda whole: whole.replace(b'"compiled_ms"', b'"other_ms"'),
        lambda _: b"deepmark kernels 1\n",
        lambda _: b"deepmark kernels 1\n[]\n" + CONTENT,
        lambda _: b"\x7fELF" + bytes(1000),
    ],
)
def test_a_damaged_or_foreign_file_is_not_lent_and_replaced(cpp: Programs, damage: Callable[[bytes], bytes]) -> None:
    cpp.fill()
    entry = cpp.folder / KEY.file_name()
    entry.write_bytes(damage(entry.read_bytes()))
    assert cpp.lend() == ("compiled again: those kept were damaged", b"")
    cpp.fill()
    assert cpp.lend() == ("cached", CONTENT)


def test_another_key_s_file_under_this_name_is_not_lent(cpp: Programs) -> None:
    other = replace(KEY, device=replace(DEVICE, driver="r19p0"))
    cpp.fill(other)
    (cpp.folder / other.file_name()).rename(cpp.folder / KEY.file_name())
    assert cpp.lend() == ("compiled again: those kept were damaged", b"")


def test_what_is_no_plain_file_is_not_read(cpp: Programs, tmp_path: Path) -> None:
    cpp.fill()
    entry = cpp.folder / KEY.file_name()
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert cpp.lend() == ("compiled", b"")
    entry.unlink()
    os.mkfifo(entry)
    os.mkfifo(f"{entry}.trying-0123abcd")  # as if it was a mark: it is opened without waiting for a writer
    assert cpp.lend()[1] == b""


def test_a_session_that_fails_with_it_has_it_thrown_away(cpp: Programs) -> None:
    cpp.fill()
    state = cpp.fill(content=b"better", work="condemn")
    assert state == "compiled again: a session that used those kept went wrong"
    assert cpp.lend() == ("cached", b"better")


def test_what_a_driver_does_not_hand_out_is_not_kept(cpp: Programs) -> None:
    assert cpp.lend(work="give-up") == ("compiled, not cached: the driver hands out no binary", b"")
    assert cpp.lend() == ("compiled", b"")


@pytest.mark.parametrize("next_one", ["C++", "Python"])
def test_a_process_that_dies_of_it_condemns_it(cpp: Programs, next_one: Language) -> None:
    cpp.fill()
    died = subprocess.run(cpp.command("die", KEY), check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    if next_one == "Python":
        assert drop_condemned("another") == 0
        assert drop_condemned(KEY.model_sha256[:16]) == 1
        assert cpp.lend() == ("compiled", b"")
    else:
        assert cpp.lend() == ("compiled again: the process that tried those kept last died", b"")
    cpp.fill()
    assert cpp.lend() == ("cached", CONTENT)
    assert cpp.names() == [KEY.file_name()]


def test_a_process_that_is_at_it_condemns_nothing(cpp: Programs) -> None:
    cpp.fill()
    with cpp.started("hold") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"cached\n"
        assert drop_condemned() == 0
        assert cpp.lend() == ("cached", CONTENT)
    assert cpp.lend()[0].startswith("compiled again: the process that tried")  # it was killed


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_one_whole(cpp: Programs) -> None:
    """At any time: the name is a whole old or a whole new file."""
    for pause in (0.0, 0.003, 0.011, 0.02):
        with cpp.started("endless") as child:
            assert child.stdout is not None
            assert child.stdout.readline()
            time.sleep(pause)  # somewhere in the next one, whatever the machine's speed
        state, found = cpp.lend()
        assert (len(found), len(set(found))) == ((8 << 20, 1) if state == "cached" else (0, 0))
        assert "damaged" not in state
    cpp.fill()
    assert cpp.names() == [KEY.file_name()]  # what the killed ones left is swept


def test_several_at_once_keep_a_whole_one(cpp: Programs) -> None:
    files = []
    for number in range(4):
        files.append(cpp.folder.parents[1] / f"file-{number}")
        files[-1].parent.mkdir(exist_ok=True)
        files[-1].write_bytes(bytes([number]) * (1 << 20))
    running = [subprocess.Popen(cpp.command("fill", KEY, file), stdout=subprocess.DEVNULL) for file in files]
    assert [one.wait(timeout=60) for one in running] == [0] * len(files)
    state, found = cpp.lend()
    assert (state, len(found), len(set(found))) == ("cached", 1 << 20, 1)
    assert cpp.names() == [KEY.file_name()]


def test_without_a_place_it_is_said_and_nothing_is_kept(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = Programs(program, tmp_path / "file" / "kernels")
    why = f"compiled, not cached: cannot write {nowhere.folder / KEY.file_name()}: Not a directory"
    assert nowhere.lend() == (why, b"")
    unnamed = subprocess.run([program, "lend", "", KEY.text()], capture_output=True, check=True, timeout=60)
    assert unnamed.stdout.startswith(b"compiled, not cached: no folder was named\n")
    with mounted(tmp_path / "disk", "size=64k") as disk:
        kept = Programs(program, disk / "a" / "kernels")
        kept.folder.mkdir(parents=True)
        kept.run("fill", KEY, __file__)
        subprocess.run(["mount", "-o", "remount,ro", os.fspath(disk)], check=True)
        state, found = kept.lend()  # no mark can be set, so what is there is not tried either
        assert state.startswith("compiled, not cached: cannot write ")
        assert state.endswith(": Read-only file system")
        assert not found


def test_a_full_disk_keeps_nothing_and_says_so(cpp: Programs) -> None:
    big = CONTENT * 200
    with room_for(len(big) + 10):
        state = cpp.fill(content=big)
    assert state == f"compiled, not cached: cannot write {cpp.folder / KEY.file_name()}: File too large"
    assert cpp.lend() == ("compiled", b"")
    assert cpp.names() == []


def test_the_oldest_go_and_no_file_of_others(cpp: Programs) -> None:
    cpp.folder.mkdir(parents=True)
    strange = [cpp.folder / name for name in ("notes.txt", "a-long-name-with-hyphens-and-more-than-34-characters")]
    for file in strange:
        file.write_text("mine")
        os.utime(file, (0, 0))
    keys = [replace(KEY, shape=(1, 3, 32, 32 * number)) for number in range(1, 66)]
    for number, key in enumerate(keys[:-1], 1):
        (cpp.folder / key.file_name()).write_bytes(b"x")
        os.utime(cpp.folder / key.file_name(), (number, number))
    cpp.fill(keys[-1])
    names = cpp.names()
    assert len(names) == 64 + len(strange)
    assert keys[0].file_name() not in names
    assert all(file.read_text() == "mine" for file in strange)
