"""What is read of a phone, and what stands where it cannot be read."""

from __future__ import annotations

import pytest
from fake_adbd import Plug
from made_phones import made_identity

from deepmark.benchmarks.device.adb import Adb
from deepmark.benchmarks.device.probe import read_identity, read_state, times_in_state
from deepmark.benchmarks.report.phone_tables import identity_rows, state_text
from deepmark.benchmarks.result.phone import core_mask
from deepmark.benchmarks.result.verdict import obstacles, temperature_reasons, unusable


def test_a_p40_pro(plug: Plug, adb_server: str) -> None:
    adb = Adb(adb_server, plug("p40").serial)

    phone, now = read_identity(adb), read_state(adb)

    assert phone.title == "EMULATED HUAWEI ELS-NX9 (Kirin 990 5G)"
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


@pytest.mark.parametrize(
    ("personality", "title", "system", "mask", "clock"),
    [
        ("mi_a1", "Xiaomi Mi A1 (msm8953)", "8.1.0 (API 27); kernel 3.18.71-perf", "ff", {"0", "4"}),
        (
            "p40",
            "HUAWEI ELS-NX9 (Kirin 990 5G)",
            "10 (API 29), EmotionUI_10.1.0; kernel 4.14.116",
            "f0",
            {"0", "4", "6"},
        ),
        (
            "p40_harmony",
            "HUAWEI ELS-AN00 (Kirin 990 5G)",
            "12 (API 31), EmotionUI_14.0.0, HarmonyOS 4.0.0; kernel 5.10.43",
            "f0",
            {"0", "4", "6"},
        ),
        ("pixel9", "Google Pixel 9 (Tensor G4)", "16 (API 36); kernel 6.1.134-android14-11", "f0", {"0", "4", "7"}),
        ("samsung", "samsung SM-G991B (s5e9840)", "14 (API 34); kernel 5.4.242", "f0", {"0", "4", "7"}),
        ("miui", "Xiaomi 2211133G (SM8550)", "13 (API 33); kernel 5.15.78-android13-8", "f8", {"0", "3", "7"}),
    ],
)
def test_each_android_is_read(
    plug: Plug, adb_server: str, personality: str, title: str, system: str, mask: str, clock: set[str]
) -> None:
    device = plug(personality)
    adb = Adb(adb_server, device.serial)

    phone, now = read_identity(adb), read_state(adb)

    assert phone.title == f"EMULATED {title}"
    assert ("Android", system) in identity_rows(phone)
    assert ("GPU", device.phone.personality.gpu) in identity_rows(phone)
    assert phone.serial == device.phone.number
    assert core_mask(phone.cores_for(4)) == mask
    assert set(times_in_state(adb)) == clock
    assert (now.battery_c, now.battery_percent, now.saver, now.screen) == (29.0, 80, False, "Awake")
    assert (now.skin_c, now.thermal_status) == ((None, None) if personality == "mi_a1" else (31.5, 0))
    assert now.gpu_mhz == (166.0 if personality.startswith("p40") else None)
    assert (now.capped_mhz, now.cores_off, now.notes) == ({}, (), ())


@pytest.mark.parametrize(
    ("personality", "setting", "value"),
    [
        ("p40", "system.SmartModeStatus", "4"),
        ("p40_harmony", "system.SmartModeStatus", "4"),
        ("miui", "system.POWER_SAVE_MODE_OPEN", "1"),
        ("samsung", "system.psm_switch", "1"),
        ("pixel", "global.low_power", "1"),
    ],
)
def test_the_makers_own_battery_saver_is_refused(
    plug: Plug, adb_server: str, personality: str, setting: str, value: str
) -> None:
    device = plug(personality)
    device.phone.write(f"settings/{setting}", f"{value}\n")

    now = read_state(Adb(adb_server, device.serial))

    assert [*obstacles(now)] == ["the battery saver is on"]
    assert "saver on" in state_text(now)


def test_a_device_without_a_battery_is_fit(plug: Plug, adb_server: str) -> None:
    device = plug()
    device.phone.battery(celsius=0, level=0)
    dump = (device.phone.root / "dumpsys/battery").read_text()
    device.phone.write("dumpsys/battery", dump.replace("present: true", "present: false"))

    now = read_state(Adb(adb_server, device.serial))

    assert not [*obstacles(now), *temperature_reasons(now)]
    assert "not believed: it has no battery" in state_text(now)


def test_what_testers_set_by_hand_is_told_and_not_believed(plug: Plug, adb_server: str) -> None:
    device = plug()
    for name, old, new in (
        ("battery", "state:\n", "state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n"),
        ("thermalservice", "IsStatusOverride: false", "IsStatusOverride: true"),
    ):
        dump = (device.phone.root / "dumpsys" / name).read_text()
        device.phone.write(f"dumpsys/{name}", dump.replace(old, new))

    now = read_state(Adb(adb_server, device.serial))

    assert (now.battery_c, now.battery_percent, now.thermal_status) == (None, None, None)
    assert "dumpsys battery reset" in state_text(now)
    assert "thermalservice reset" in state_text(now)


def test_a_core_that_a_hot_phone_switched_off_is_seen(plug: Plug, adb_server: str) -> None:
    device = plug()
    device.phone.write("sys/devices/system/cpu/online", "0-6\n")

    now = read_state(Adb(adb_server, device.serial))

    assert now.cores_off == (7,)
    assert "cores off: 7" in state_text(now)


@pytest.mark.parametrize(
    ("platform", "counts", "threads", "cores"),
    [
        ("kirin990", (4, 2, 2), 4, (4, 5, 6, 7)),
        ("kirin990", (4, 2, 2), 1, (4, 5, 6, 7)),
        ("kirin990", (4, 2, 2), 6, tuple(range(8))),
        ("kirin810", (6, 2), 1, tuple(range(8))),  # its kernel would widen 6, 7 alone
        ("sm6375", (6, 2), 2, (6, 7)),
        ("sm6375", (6, 2), 4, tuple(range(8))),
        ("kirin970", (4, 4), 4, (4, 5, 6, 7)),
        ("msm8953", (8,), 4, tuple(range(8))),
        ("silent", (), 4, ()),
    ],
)
def test_the_choice_of_cores(platform: str, counts: tuple[int, ...], threads: int, cores: tuple[int, ...]) -> None:
    phone = made_identity(counts, platform=platform)

    assert phone.cores_for(threads) == cores


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


@pytest.mark.parametrize("abis", ["armeabi-v7a,armeabi", "x86_64,x86", "x86_64,arm64-v8a"])
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
