"""``deepmark device``."""

from __future__ import annotations

import json
import subprocess

import pytest
from fake_adbd import Plug
from fake_phone import Faults
from outcome import Deepmark

from deepmark.benchmarks.device import connected_phones
from deepmark.benchmarks.device.connected_phones import phone_lock, reach_phone
from deepmark.benchmarks.device.listed_phones import ListedPhone
from deepmark.benchmarks.device.probe import PhoneNumber
from deepmark.errors import DeviceError


def test_no_phone_is_exit_status_4(adb_server: str, deepmark: Deepmark) -> None:
    deepmark("device").assert_refused(4, "no phone is connected", "docs/phone.md")


def test_phones_are_listed_with_what_they_are_and_whether_they_are_fit(plug: Plug, deepmark: Deepmark) -> None:
    good, hot = plug("p40"), plug("pixel")
    hot.phone.battery(celsius=42)

    done = deepmark("device")

    assert done.code == 0
    assert f"{good.serial}: EMULATED HUAWEI ELS-NX9 (Kirin 990 5G)" in done.err
    assert "cores 4, 5, 6, 7 (mask f0)" in done.err
    assert "fit for measuring" in done.err
    assert "not fit for measuring: its battery has 42.0 °C" in done.err


def test_a_phone_that_did_not_allow_it_is_listed_too(plug: Plug, deepmark: Deepmark) -> None:
    plug(faults=Faults(unauthorized=True))

    done = deepmark("device", "--json")

    (phone,) = json.loads(done.out)["phones"]
    assert (done.code, phone["state"], phone["fit"]) == (0, "unauthorized", False)
    assert "Allow USB debugging" in phone["reasons"][0]


def test_one_phone_under_two_names_is_one_phone(plug: Plug, deepmark: Deepmark, adb_server: str) -> None:
    device = plug("p40")
    other = f"localhost:{device.port}"
    subprocess.run([adb_server, "connect", other], capture_output=True, timeout=30)
    try:
        done = deepmark("device", "--json")
        reached, named = reach_phone(adb_server, None), reach_phone(adb_server, other)
    finally:
        subprocess.run([adb_server, "disconnect", other], capture_output=True, timeout=30)

    (phone,) = json.loads(done.out)["phones"]
    assert {phone["serial"], *phone["also"]} == {device.serial, other}
    assert named.adb.serial == other
    assert reached.number == named.number == device.phone.number
    with phone_lock(reached.number, "it"), pytest.raises(DeviceError, match="another deepmark bench"):
        phone_lock(named.number, "it").__enter__()


@pytest.mark.slow
def test_two_phones_that_share_a_serial_number_are_two(plug: Plug, deepmark: Deepmark) -> None:
    for _ in range(2):
        plug("p40").phone.write("props/ro.serialno", "0123456789ABCDEF\n")

    assert len(json.loads(deepmark("device", "--json").out)["phones"]) == 2


def test_the_cable_is_taken_and_an_old_name_of_the_same_phone_is_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        ListedPhone("adb-8ABX0T1QZ-x1y2z3._adb-tls-connect._tcp", "offline", ""),
        ListedPhone("192.168.1.5:41234", "device", "ELS_NX9"),
        ListedPhone("8ABX0T1QZ", "device", "ELS_NX9"),
    )
    monkeypatch.setattr(connected_phones, "list_phones", lambda _: listed)
    monkeypatch.setattr(connected_phones, "read_number", lambda _: PhoneNumber("8ABX0T1QZ", "one-start"))

    reached = reach_phone("adb", None)

    assert (reached.adb.name, reached.number) == ("8ABX0T1QZ", "8ABX0T1QZ")


@pytest.mark.parametrize("number", [PhoneNumber("", "one-start"), PhoneNumber("0123456789ABCDEF", "")])
def test_phones_that_do_not_tell_are_not_taken_for_one(monkeypatch: pytest.MonkeyPatch, number: PhoneNumber) -> None:
    listed = tuple(ListedPhone(serial, "device", "M") for serial in ("A1", "B2"))
    monkeypatch.setattr(connected_phones, "list_phones", lambda _: listed)
    monkeypatch.setattr(connected_phones, "read_number", lambda _: number)

    with pytest.raises(DeviceError, match=r"2 phones are connected: A1 \(M\), B2 \(M\)"):
        reach_phone("adb", None)
    assert reach_phone("adb", "B2").adb.name == "B2"
