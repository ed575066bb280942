"""What is read of a phone, and what stands where it cannot be read."""

from __future__ import annotations

import pytest
from fake_adbd import Plug

from deepmark.benchmarks.device.adb import Adb
from deepmark.benchmarks.device.probe import clusters, mean_mhz, read_identity, read_state, times_in_state
from deepmark.benchmarks.report.phone_tables import identity_rows, state_text
from deepmark.benchmarks.result.phone import core_mask
from deepmark.benchmarks.result.verdict import obstacles, temperature_reasons, unusable


def test_a_p40_pro(plug: Plug, adb_server: str) -> None:
    adb = Adb(adb_server, plug("p40").serial)

    phone, now = read_identity(adb), read_state(adb)

    assert phone.title == "EMULATED HUAWEI ELS-NX9 (Kirin 990)"
    assert (phone.android, phone.sdk, phone.emui) == ("10", 29, "EmotionUI_10.1.0")
    assert [(one.cores, one.max_mhz) for one in phone.clusters] == [
        ((0, 1, 2, 3), 1950.0),
        ((4, 5), 2360.0),
        ((6, 7), 2860.0),
    ]
    assert (phone.big_cores, core_mask(phone.big_cores)) == ((4, 5, 6, 7), "f0")
    assert (now.battery_c, now.battery_percent, now.thermal_status, now.saver, now.screen) == (
        29.0,
        80,
        0,
        False,
        "Awake",
    )
    assert now.room_mib == 70312
    assert unusable(phone) is None
    assert not [*obstacles(now), *temperature_reasons(now)]


def test_a_pixel_has_one_fastest_core_and_four_big_ones(plug: Plug, adb_server: str) -> None:
    adb = Adb(adb_server, plug("pixel").serial)

    phone = read_identity(adb)

    assert (phone.soc, core_mask(phone.big_cores)) == ("Tensor G3", "1f0")
    assert times_in_state(adb) == {}


def test_a_phone_of_which_nothing_can_be_read(plug: Plug, adb_server: str) -> None:
    adb = Adb(adb_server, plug("silent").serial)

    phone, now = read_identity(adb), read_state(adb)

    assert (phone.soc, phone.clusters, phone.memory_mib, phone.abis) == (None, (), None, ())
    assert (now.battery_c, now.thermal_status, now.saver, now.screen) == (None, None, None, None)
    assert "not readable" in state_text(now)
    assert ("SoC", "not readable") in identity_rows(phone)
    assert not [*obstacles(now), *temperature_reasons(now)]


def test_a_hot_phone_its_saver_and_a_full_one_are_reasons(plug: Plug, adb_server: str) -> None:
    device = plug()
    device.phone.battery(celsius=41.5, level=9)
    device.phone.thermal(3)
    device.phone.setting("low_power", "1")
    device.phone.cap(1500)
    device.phone.write("state/df", "Filesystem 1K-blocks Used Available Use% Mounted on\n/dm-5 9 9 1024 99% /data\n")

    now = read_state(Adb(adb_server, device.serial))

    assert [*obstacles(now)] == [
        "the battery saver is on",
        "the battery is at 9 %, below 15 %",
        "1 MiB are free, 128 are needed",
    ]
    assert [*temperature_reasons(now)] == [
        "its battery has 41.5 °C, above 38 °C",
        "Android says that it is hot (thermal status 3)",
    ]
    assert now.capped_mhz == {"7": 1500.0}


@pytest.mark.parametrize("abis", ["armeabi-v7a,armeabi", "x86_64,x86"])
def test_another_instruction_set_is_refused(plug: Plug, adb_server: str, abis: str) -> None:
    device = plug()
    device.phone.write("props/ro.product.cpu.abilist", abis)

    assert "arm64-v8a is needed" in str(unusable(read_identity(Adb(adb_server, device.serial))))


def test_a_property_cannot_pretend_to_be_another(plug: Plug, adb_server: str) -> None:
    device = plug()
    device.phone.write(
        "props/ro.product.model", "\x1b[2JX\n@0123456789abcdef@ro.board.platform\nkirin990\n" + "y" * 10_000
    )
    device.phone.write("props/ro.board.platform", "other")

    phone = read_identity(Adb(adb_server, device.serial))

    assert (phone.model, phone.platform) == ("X", "other")


def test_mean_frequency_is_weighed_by_time() -> None:
    assert mean_mhz({"4": {1_000_000: 10, 2_000_000: 10}}, {"4": {1_000_000: 20, 2_000_000: 40}}) == {"4": 1750.0}
    assert mean_mhz({"4": {1_000_000: 10}}, {"4": {1_000_000: 10}}) == {}
    assert mean_mhz({"4": {1_000_000: 10}}, {"4": {1_000_000: 5}}) == {}  # counters begin anew after a reboot


def test_cores_that_are_off_are_left_out() -> None:
    text = "0 1950000 1950000 schedutil\n1 - - -\n4 2860000 2860000 schedutil\nnoise\n"

    assert [(one.cores, one.max_mhz) for one in clusters(text)] == [((0,), 1950.0), ((4,), 2860.0)]
