"""The lines that run a program on a phone with a time limit, in Android's shell and in this machine's."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_phone import ANDROID, GNU, NOT_EVERYWHERE, FakePhone, Shell

from deepmark.benchmarks.device import watchdog

LONG_S = 60
FOLDER = "/data/local/tmp/deepmark-test"
both_shells = pytest.mark.parametrize("phone_shell", [ANDROID, GNU], ids=["android", "gnu"], indirect=True)


@pytest.fixture
def phone(tmp_path: Path, phone_shell: Shell) -> Iterator[FakePhone]:
    one = FakePhone(tmp_path, shell=phone_shell)
    one.path(FOLDER).mkdir()
    yield one
    one.end_programs()


def _program(script: str) -> str:
    return shlex.join([sys.executable, "-c", f"import os, signal, time; {script}"])


def _start(phone: FakePhone, line: str) -> subprocess.Popen[str]:
    argv, environment = phone.shell(f"cd {FOLDER} && {{ {line}; }}; echo $c")
    return subprocess.Popen(
        argv, env=environment, cwd=phone.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _wait_for_program(phone: FakePhone) -> None:
    end = time.monotonic() + 20
    while not (phone.path(FOLDER) / "begun").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert len(phone.running()) >= 3  # program, watchdog, its sleep; and the shell, unless it was killed


@both_shells
@pytest.mark.parametrize("code", [0, 3, 127, *(128 + one for one in (4, 6, 7, 9, 11, 25, 31))])
def test_the_status_is_the_programs(phone: FakePhone, code: int) -> None:
    number = code - 128
    dies = f"signal.signal({number}, 0); " if number in {4, 6, 7, 11, 25, 31} else ""
    script = f"exit({code})" if number < 0 else f"{dies}os.kill(os.getpid(), {number})"

    out, _ = _start(phone, watchdog.watched(_program(script), LONG_S)).communicate(timeout=20)

    assert out == f"{code}\n"
    phone.require_nothing_running()


@both_shells
def test_a_program_that_ends_at_once_has_its_status(phone: FakePhone) -> None:
    assert _start(phone, watchdog.watched("false", LONG_S)).communicate(timeout=20)[0] == "1\n"
    assert _start(phone, watchdog.watched("no-such-program", LONG_S)).communicate(timeout=20)[0] == "127\n"


@both_shells
def test_a_program_that_runs_past_its_time_is_ended_and_told_from_one_that_was_killed(phone: FakePhone) -> None:
    out, _ = _start(phone, watchdog.watched("sleep 60", 1)).communicate(timeout=20)

    assert out == f"{watchdog.TIME_OVER}\n"
    phone.require_nothing_running()
    killed = _start(phone, watchdog.watched(_program("os.kill(os.getpid(), 9)"), LONG_S)).communicate(timeout=20)[0]
    assert killed == "137\n"


@both_shells
@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGKILL], ids=["hung-up", "killed"])
def test_what_a_lost_shell_left_is_stopped(phone: FakePhone, how: signal.Signals) -> None:
    script = "open('begun', 'w'); time.sleep(60)"
    shell = _start(phone, watchdog.watched(f"{_program(script)} > out", LONG_S))
    _wait_for_program(phone)
    shell.send_signal(how)
    time.sleep(0.3)
    assert (shell.poll() is None) == (how == signal.SIGHUP)  # it ignores that one, else it might die before it writes
    assert len(phone.running()) >= 3

    _start(phone, watchdog.STOP).communicate(timeout=20)

    phone.require_nothing_running()
    shell.communicate(timeout=20)


@both_shells
def test_without_its_shell_a_program_is_ended_at_its_limit(phone: FakePhone) -> None:
    shell = _start(phone, watchdog.watched(_program("open('begun', 'w'); time.sleep(60)"), 2))
    _wait_for_program(phone)
    shell.kill()

    phone.require_nothing_running(within_s=20)
    shell.communicate(timeout=20)


@both_shells
def test_a_number_that_is_another_programs_by_now_is_left_alone(phone: FakePhone, tmp_path: Path) -> None:
    script = f"open('begun', 'w'); os.chdir({os.fspath(tmp_path)!r}); time.sleep(60)"  # stands for another program
    shell = _start(phone, watchdog.watched(_program(script), 1))
    numbers = phone.path(FOLDER) / "run.pid"
    while not (numbers.exists() and numbers.read_text().endswith("\n")):
        time.sleep(0.01)
    number = int(numbers.read_text().split()[0])

    time.sleep(1.5)  # the watchdog has looked
    _start(phone, watchdog.STOP).communicate(timeout=20)
    time.sleep(0.3)

    assert shell.poll() is None
    os.kill(number, signal.SIGKILL)
    assert shell.communicate(timeout=20)[0] == "137\n"


@both_shells
def test_working_folders_can_be_looked_up(phone: FakePhone) -> None:
    assert _start(phone, f"{watchdog.CAN_WATCH}; c=$?").communicate(timeout=20)[0] == "0\n"


@pytest.mark.parametrize(
    "line",
    [
        "timeout -k 5 9 true", "pkill -9 -P 7", "echo $((2 + 3))", "[ $a -gt 3 ]", "df -kP /data", "sha256sum -b f",
        "taskset 0xf0 true", "taskset -c 4 true", "head -c -5 f", "stat --printf=%s f", r"echo 'a\tb'", "cat <(true)",
    ],
)  # fmt: skip
def test_fake_phones_know_what_some_android_does_otherwise(line: str) -> None:
    assert NOT_EVERYWHERE.search(f"cd {FOLDER} && {{ {line}; }}; echo DM_RC=$?")
    assert not NOT_EVERYWHERE.search(watchdog.watched("taskset f0 ./dm_bench --size 64x64 > out 2> err", 190))
