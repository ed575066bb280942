"""The whole of it on a phone that is really there: ``DEEPMARK_ADB_SERIAL=SERIAL pytest -m device``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepmark.benchmarks.device import watchdog
from deepmark.benchmarks.device.adb import Adb, find_adb
from deepmark.benchmarks.device.benchmark import PhoneRequest, run_on_phone
from deepmark.benchmarks.device.connected_phones import reach_phone
from deepmark.benchmarks.device.probe import REMOTE_ROOT, read_identity, read_state
from deepmark.benchmarks.device.remote_folder import prepared_folder
from deepmark.benchmarks.result.document import BenchPlan
from deepmark.benchmarks.result.verdict import unusable
from deepmark.errors import PhoneLostError

SERIAL = os.environ.get("DEEPMARK_ADB_SERIAL")
pytestmark = [
    pytest.mark.device,
    pytest.mark.slow,
    pytest.mark.skipif(not SERIAL, reason="DEEPMARK_ADB_SERIAL names no phone"),
]


@pytest.fixture
def phone() -> Adb:
    return reach_phone(find_adb(), SERIAL).adb


def test_the_phone_can_be_asked_what_it_is(phone: Adb) -> None:
    identity, now = read_identity(phone), read_state(phone)

    assert unusable(identity) is None
    assert identity.model
    assert now.battery_c is not None


def test_the_output_and_the_status_of_a_command_come_back(phone: Adb) -> None:
    answer = phone.shell("echo one; false")

    assert (answer.code, answer.out.strip()) == (1, "one")


@pytest.mark.parametrize(
    ("command", "limit_s", "code"),
    [
        ("false", 60, 1),
        ("sh -c 'kill -SEGV $$'", 60, 139),
        ("sh -c 'kill -KILL $$'", 60, 137),
        ("sleep 60", 1, watchdog.TIME_OVER),
    ],
)
def test_its_shell_keeps_a_time_limit_and_tells_a_crash(phone: Adb, command: str, limit_s: int, code: int) -> None:
    with prepared_folder(phone, "test", keep=False) as folder:
        assert folder.run_watched(f"{command} > out", limit_s, "true").code == code


def test_what_a_killed_shell_left_is_stopped(phone: Adb) -> None:
    with prepared_folder(phone, "test", keep=False) as folder:
        with pytest.raises(PhoneLostError):
            folder.run(f"{watchdog.watched('sleep 60 > out', 60)}", timeout_s=2)
        number = folder.run("read p w < run.pid; echo $p").out.strip()
        assert folder.run(f"[ /proc/{number}/cwd -ef . ]").code == 0

        folder.run(watchdog.STOP)

        assert folder.run(f"[ /proc/{number}/cwd -ef . ]").code == 1


def test_the_demo_network_is_right_there_and_leaves_nothing_behind(phone: Adb, demo_bundle: Path) -> None:
    before = set(phone.shell(f"ls {REMOTE_ROOT}").out.split())

    result = run_on_phone(
        PhoneRequest(models=(demo_bundle,), serial=SERIAL, plan=BenchPlan(rounds=2, runs=10, seconds=10, warm_up_s=0.5))
    )

    assert result.phone is not None
    assert all(result.phone.verified.values())
    assert set(phone.shell(f"ls {REMOTE_ROOT}").out.split()) == before
