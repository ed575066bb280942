"""What phones print, in the form that each Android and each maker prints it, and what it means.

Sources of the forms: AOSP; for Samsung's thermal service https://android.stackexchange.com/q/246774 and the comment in
Skia's perf monitor; for HyperOS' battery and for names of the screen's state public test data. Values are made up.
"""

from __future__ import annotations

import pytest

from deepmark.benchmarks.device import readings
from deepmark.benchmarks.device.readings import BatteryReading, ThermalReading
from deepmark.benchmarks.result.phone import soc_name

BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 500000
  Max charging voltage: 5000000
  Charge counter: 3300000
  status: 2
  health: 2
  present: true
  level: 54
  scale: 100
  voltage: 3906
  temperature: 305
  technology: Li-poly
"""
HYPEROS_16 = BATTERY.replace(
    "  Max charging voltage",
    " Time when the latest updated value of the voltage was sent via battery changed broadcast: +22s878ms\n"
    "  Max charging voltage",
).replace(
    "  voltage: 3906\n",
    "  voltage: 3906\n The last voltage value sent via the battery changed broadcast: 3666\n",
) + (
    "  Charging state: 0\n  Charging policy: 0\n  Capacity level: 3\n"
    "MiuiBatteryService first usage time:\n  mSetBatteryUsageTimeCount=0\n  mNtpTime=-1\n"
)
CAPACITY_FIRST = BATTERY.replace("  level: 54\n", "  Capacity level: 3\n  level: 54\n")
BY_HAND = "the battery shows values set by hand (adb shell dumpsys battery reset)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BATTERY, BatteryReading(30.5, 54)),
        (HYPEROS_16, BatteryReading(30.5, 54)),
        (CAPACITY_FIRST, BatteryReading(30.5, 54)),
        (
            BATTERY.replace("state:\n", "state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n"),
            BatteryReading(None, None, BY_HAND),
        ),
        (
            BATTERY.replace("present: true", "present: false").replace("level: 54", "level: 0"),
            BatteryReading(None, None, "it has no battery"),
        ),
        (BATTERY.replace("temperature: 305", "temperature: 29"), BatteryReading(None, 54)),  # whole degrees, not tenths
        (BATTERY.replace("temperature: 305", "temperature: 30500"), BatteryReading(None, 54)),
        (BATTERY.replace("temperature: 305", "temperature: 0"), BatteryReading(None, 54)),
        (BATTERY.replace("temperature: 305", "temperature: -50"), BatteryReading(None, 54)),
        (BATTERY.replace("level: 54", "level: 142"), BatteryReading(30.5, None)),
        (BATTERY.replace("level: 54", "level: 142").replace("scale: 100", "scale: 200"), BatteryReading(30.5, 71)),
        (BATTERY.replace("scale: 100", "scale: 0"), BatteryReading(30.5, 54)),
        ("Can't find service: battery\n", BatteryReading(None, None)),
        ("", BatteryReading(None, None)),
    ],
)
def test_a_battery(text: str, expected: BatteryReading) -> None:
    assert readings.battery(text) == expected


SAMSUNG_12 = """\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
\tkilled: false
\tbroadcasts count: -1
Thermal Status: 1
Cached temperatures:
\tTemperature{mValue=0.0, mType=2, mName=SUBBAT, mStatus=0}
\tTemperature{mValue=44.0, mType=3, mName=LRB, mStatus=0}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{mValue=35.6, mType=0, mName=AP, mStatus=0}
\tTemperature{mValue=23.8, mType=2, mName=BAT, mStatus=0}
\tTemperature{mValue=24.7, mType=3, mName=LRB, mStatus=0}
\tTemperature{mValue=25.1, mType=3, mName=LRP, mStatus=0}
\tTemperature{mValue=0.0, mType=4, mName=USB, mStatus=0}
Current cooling devices from HAL:
Temperature static thresholds from HAL:
\tTemperatureThreshold{mType=3, mName=LRB, mHotThrottlingThresholds=[NaN, 40.0], mVrThrottlingThreshold=NaN}
"""
SAMSUNG_10 = """\
IsStatusOverride: false
Thermal Status: 0
Cached temperatures:
\tTemperature{mValue=-99.9, mType=6, mName=TYPE_POWER_AMPLIFIER, mStatus=0}
HAL Ready: true
HAL connection:
\tSdhms connected: yes
Current temperatures from HAL:
\tTemperature{mValue=44.0, mType=1, mName=TYPE_CPU, mStatus=0}
\tTemperature{mValue=24.4, mType=3, mName=TYPE_BATTERY, mStatus=0}
\tTemperature{mValue=25.3, mType=4, mName=TYPE_SKIN, mStatus=0}
\tTemperature{mValue=-99.9, mType=6, mName=TYPE_POWER_AMPLIFIER, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=TYPE_CPU}
"""
STATUS_BY_HAND = "the thermal status was set by hand (adb shell cmd thermalservice reset)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SAMSUNG_12, ThermalReading(1, 25.1)),
        (SAMSUNG_10, ThermalReading(0, 25.3)),
        (
            SAMSUNG_12.replace("IsStatusOverride: false", "IsStatusOverride: true"),
            ThermalReading(None, 25.1, STATUS_BY_HAND),
        ),
        (
            "Thermal Status: 0\nCached temperatures:\n\tTemperature{mValue=44.0, mType=3, mName=s}\nHAL Ready: false\n",
            ThermalReading(None, None, "the thermal status has no sensors behind it (HAL Ready: false)"),
        ),
        (SAMSUNG_12.replace("mValue=24.7", "mValue=NaN").replace("mValue=25.1", "mValue=0.0"), ThermalReading(1, None)),
        ("Can't find service: thermalservice\n", ThermalReading(None, None)),  # Android 8
    ],
)
def test_heat_is_what_the_sensors_say_now_and_not_what_is_remembered(text: str, expected: ThermalReading) -> None:
    assert readings.thermal(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  mWakefulness=Awake\n  mWakefulnessChanging=false\n", "Awake"),
        ("  mWakefulness=Dozing\n", "Dozing"),
        ("  getWakefulnessLocked()=Asleep\n  mWakefulnessChanging=false\n", "Asleep"),  # Samsung
        ("  getWakefulnessLocked()=1\n", "Awake"),  # some builds print the number
        ("  mWakefulnessChanging=false\n", None),
    ],
)
def test_the_screen(text: str, expected: str | None) -> None:
    assert readings.screen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("low_power=0\n", False),
        ("low_power=1\n", True),
        ("low_power=0\nSmartModeStatus=4\n", True),  # EMUI
        ("low_power=0\nSmartModeStatus=1\n", False),
        ("low_power=null\nSmartModeStatus=4\n", True),
        ("low_power=0\nPOWER_SAVE_MODE_OPEN=1\n", True),  # MIUI
        ("low_power=0\nPOWER_SAVE_MODE_OPEN=null\n", False),
        ("low_power=0\npsm_switch=1\n", True),  # Samsung
        ("low_power=null\n", None),
        ("low_power=\n", None),
        ("", None),
    ],
)
def test_a_battery_saver(text: str, expected: bool | None) -> None:
    assert readings.saver(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 1950000 1950000 schedutil\n6 2860000 2860000 schedutil\n", {}),
        ("0 1950000 1950000 schedutil\n6 2860000 1500000 schedutil\n", {"6": 1500.0}),
        ("0 - - -\n6 - - -\n", None),
        ("0 1950000 - schedutil\n6 2860000 - -\n", None),  # scaling_max_freq closed
        ("0 1950000 1950000 schedutil\n6 2860000 - -\n", None),  # that of the fast core closed
        ("0 1950000 1300000 schedutil\n6 2860000 - -\n", {"0": 1300.0}),
        ("0 1950000 1950000 schedutil\n6 - - -\n", {}),  # core 6 is off
        ("0 0 0 schedutil\n", None),
    ],
)
def test_clocks_are_called_free_only_where_their_limits_can_be_read(
    text: str, expected: dict[str, float] | None
) -> None:
    assert readings.caps(text) == expected


def test_cores_that_are_off_are_left_out() -> None:
    text = "0 1950000 1950000 schedutil\n1 - - -\n4 2860000 2860000 schedutil\nnoise\n"

    assert [(one.cores, one.max_mhz) for one in readings.clusters(text)] == [((0,), 1950.0), ((4,), 2860.0)]
    assert readings.cores_off(text, "0,4\n") == (1,)
    assert readings.cores_off(text, "") == ()


def test_the_count_of_clocks_is_read_by_policy_and_by_core() -> None:
    policies = "core 0 of 0 1 2 3\n500000 10\n1950000 20\ncore 4 of 4 5\n2360000 7\n"
    old_kernel = (
        "core 0 of 0 1\n500000 10\ncore 1 of 0 1\n500000 10\ncore 2 of 2 3\n900000 5\ncore 3 of 2 3\n900000 5\n"
    )
    closed = "core 0 of\ncore 4 of\n2360000 7\n"
    backwards = "core 1 of 0 1\n500000 10\n"

    assert readings.times_at_clocks(policies) == {"0": {500000: 10, 1950000: 20}, "4": {2360000: 7}}
    assert readings.times_at_clocks(old_kernel) == {"0": {500000: 10}, "2": {900000: 5}}
    assert readings.times_at_clocks(closed) == {"4": {2360000: 7}}
    assert readings.times_at_clocks(backwards) == {"0": {500000: 10}}


def test_mean_frequency_is_weighed_by_time() -> None:
    mean = readings.mean_mhz

    assert mean({"4": {1_000_000: 10, 2_000_000: 10}}, {"4": {1_000_000: 20, 2_000_000: 40}}) == {"4": 1750.0}
    assert mean({"4": {1_000_000: 10}}, {"4": {1_000_000: 10}}) == {}
    assert mean({"4": {1_000_000: 10}}, {"4": {1_000_000: 5}}) == {}  # counters begin anew after a reboot


@pytest.mark.parametrize(
    ("text", "expected"), [("166000000\n", 166.0), ("600000000\n", 600.0), ("0\n", None), ("", None), ("-1", None)]
)
def test_the_gpus_clock(text: str, expected: float | None) -> None:
    assert readings.gpu_mhz(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GLES: ARM, Mali-G76, OpenGL ES 3.2 v1.r18p0-01rel0\n", "ARM, Mali-G76, OpenGL ES 3.2 v1.r18p0-01rel0"),
        (
            " ------------RE GLES (Ganesh)------------\nGLES: Qualcomm, Adreno (TM) 730, OpenGL ES 3.2 V@0615.60\n",
            "Qualcomm, Adreno (TM) 730, OpenGL ES 3.2 V@0615.60",
        ),
        ("Display 0 HWC layers: 2\n", None),
        ("GLES: \n", None),
    ],
)
def test_the_gpus_driver(text: str, expected: str | None) -> None:
    assert readings.gpu(text) == expected


@pytest.mark.parametrize(
    ("middle", "name"), [("2360000", "Kirin 990 5G"), ("2090000", "Kirin 990"), ("-", "Kirin 990 or 990 5G")]
)
def test_both_kirin_990_call_themselves_alike_and_are_told_apart(middle: str, name: str) -> None:
    text = f"0 1950000 1950000 schedutil\n4 {middle} {middle} schedutil\n6 2860000 2860000 schedutil\n"

    assert soc_name("kirin990", readings.clusters(text)) == name
