"""The whole of it on a phone that is really there: ``DEEPMARK_ADB_SERIAL=SERIAL pytest -m device``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepmark.benchmarks.device.adb import Adb, find_adb
from deepmark.benchmarks.device.benchmark import PhoneRequest, run_on_phone
from deepmark.benchmarks.device.connected_phones import reach_phone
from deepmark.benchmarks.device.probe import REMOTE_ROOT, read_identity, read_state
from deepmark.benchmarks.result.document import BenchPlan
from deepmark.benchmarks.result.verdict import unusable

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


def test_the_demo_network_is_right_there_and_leaves_nothing_behind(phone: Adb, demo_bundle: Path) -> None:
    before = set(phone.shell(f"ls {REMOTE_ROOT}").out.split())

    result = run_on_phone(
        PhoneRequest(models=(demo_bundle,), serial=SERIAL, plan=BenchPlan(rounds=2, runs=10, seconds=10, warm_up_s=0.5))
    )

    assert result.phone is not None
    assert all(result.phone.verified.values())
    assert set(phone.shell(f"ls {REMOTE_ROOT}").out.split()) == before
