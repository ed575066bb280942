"""The measurement on a phone, with programs that compute nothing behind the real adb."""

from __future__ import annotations

import _thread
import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_adbd import FakeAdbd, Plug
from fake_phone import Faults
from outcome import Deepmark
from stand_in_native import StandIn

from deepmark.benchmarks.device.cooling import Cooling
from deepmark.benchmarks.device.lock import phone_lock
from deepmark.benchmarks.device.paper import standing
from deepmark.benchmarks.speed.results import Plan, Result, read_result, write_result
from deepmark.benchmarks.speed.verdict import judge
from deepmark.errors import BundleError, DeepMarkError, DeviceError, EngineError, ParityError

Bench = Callable[..., Result]
THREE_ROUNDS = Plan(rounds=3, runs=9, seconds=3, warm_up_s=0)


def _clean(device: FakeAdbd) -> None:
    """Nothing of ours is left, and settings are as they were."""
    assert device.phone.left() == []
    assert (device.phone.root / "settings/global.stay_on_while_plugged_in").read_text().strip() == "0"


def _act(device: FakeAdbd, name: str) -> None:
    device.phone.write("state/act", name)


def test_a_result_is_the_same_document_as_the_hosts(plug: Plug, bench: Bench, tmp_path: Path) -> None:
    device = plug("p40")
    told: list[str] = []

    result = bench(device.serial, say=told.append, plan=THREE_ROUNDS)

    write_result(tmp_path / "r.json", result)
    assert read_result(tmp_path / "r.json") == result
    (one,) = result.contestants
    assert [len(times) for times in one.times("total")] == [3, 3, 3]
    assert one.times("total")[0][0] == pytest.approx(43.0)
    assert (one.threads, one.cores, one.objects) == (4, (4, 5, 6, 7), 1.0)
    assert (one.memory.peak, one.memory.peak_pss, one.memory.engine) == (
        pytest.approx(70000 / 1024, abs=1e-3), pytest.approx(45000 / 1024, abs=1e-3), 21.5,
    )  # fmt: skip
    assert result.phone is not None
    assert result.phone.verified == {one.name: 2}
    assert result.phone.runtime == "glibc-wheel"
    assert device.serial not in (tmp_path / "r.json").read_text()
    assert all(verdict.stable for verdict in judge(result))
    assert any("turn 3 of 3" in line and "battery 29.0 °C" in line for line in told)
    assert (device.phone.root / "state/mask").read_text().strip() == "f0"
    _clean(device)


def test_an_emulated_phone_can_not_be_mistaken(plug: Plug, bench: Bench) -> None:
    result = bench(plug("p40").serial)

    assert result.phone is not None
    assert result.machine.cpu.startswith("EMULATED ")
    assert all(one.name.startswith("EMULATED ") for one in result.contestants)
    assert standing(result.phone).startswith("EMULATED")


def test_models_take_turns(plug: Plug, bench: Bench) -> None:
    device = plug("p40")

    result = bench(device.serial, precisions=("fp32", "fp16"), techniques=("none", "all"))

    assert len(result.contestants) == 4
    names = [command.split("--precision ")[1][:4] for command in device.phone.commands if "--pictures" in command]
    assert names == ["fp32", "fp32", "fp16", "fp16"] * 2
    ran = [command.split("--precision ")[1][:4] for command in device.phone.commands if "/dm_verify" in command]
    assert ran == ["fp32", "fp16"]
    assert "fp16 techniques none" in " ".join(one.name for one in result.contestants)


@pytest.mark.parametrize("personality", ["pixel", "silent"])
def test_other_phones(plug: Plug, bench: Bench, personality: str) -> None:
    device = plug(personality)

    (one,) = bench(device.serial).contestants

    assert one.cores == ((4, 5, 6, 7, 8) if personality == "pixel" else ())
    assert device.phone.left() == []
    assert one.rounds[0].conditions.frequency_mhz is None


def test_a_kept_folder_is_not_copied_again(plug: Plug, bench: Bench) -> None:
    device = plug()
    bench(device.serial, keep=True)
    (folder,) = device.phone.left()
    assert folder.startswith("deepmark-")
    first = len(device.phone.pushed)

    bench(device.serial)

    again = device.phone.pushed[first:]
    assert all("/pictures/" in name for name in again)
    _clean(device)


def test_only_its_own_folder_is_removed(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.write("data/local/tmp/deepmark-of-somebody/file", "x")

    bench(device.serial)

    assert device.phone.left() == ["deepmark-of-somebody"]


def test_a_wrong_result_is_never_timed(plug: Plug, bench: Bench) -> None:
    device = plug()
    _act(device, "differ")

    with pytest.raises(ParityError, match="was not timed") as caught:
        bench(device.serial)

    assert caught.value.exit_code == 3
    assert not any("dm_bench" in command and "--pictures" in command for command in device.phone.commands)
    _clean(device)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("killed", "was killed"),
        ("crash", "crashed"),
        ("cut", "cut short"),
        ("hostile", "none of its lines"),
        ("backwards", "clock went backwards"),
        ("flood", "printed more than 32 MB"),
    ],
)
def test_a_program_that_ends_badly_is_exit_status_4(plug: Plug, bench: Bench, act: str, said: str) -> None:
    device = plug()
    _act(device, act)

    with pytest.raises(DeviceError, match=said) as caught:
        bench(device.serial)

    assert caught.value.exit_code == 4
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    _clean(device)


def test_a_program_that_hangs_is_stopped(plug: Plug, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.runner.LOAD_S", 1)
    device = plug()
    _act(device, "hang")

    with pytest.raises(DeviceError, match="ran past its time"):
        bench(device.serial)

    _clean(device)


def test_a_model_that_cannot_be_read_there_is_told_in_the_programs_words(plug: Plug, bench: Bench) -> None:
    device = plug()
    _act(device, "refuse")

    with pytest.raises(EngineError, match="of version 9") as caught:
        bench(device.serial)

    assert caught.value.hint == "export it again"
    _clean(device)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda phone: phone.thermal(2), "thermal status 2"),
        (lambda phone: phone.battery(celsius=42), "battery has 42.0 °C"),
        (lambda phone: phone.cap(1500), "core 7 at 1500 MHz"),
        (lambda phone: phone.write("state/act", "jump"), "clock jumped"),
        (lambda phone: phone.write("state/act", "slower"), "slower than the first"),
    ],
)
def test_what_speaks_against_the_times_is_told(
    plug: Plug, bench: Bench, change: Callable[[object], None], said: str
) -> None:
    device = plug()
    change(device.phone)

    result = bench(device.serial)

    (verdict,) = judge(result)
    assert any(said in reason for reason in verdict.reasons), verdict.reasons
    _clean(device)


def test_throttling_shows_in_the_clocks_that_the_kernel_counted(plug: Plug, bench: Bench) -> None:
    device = plug("p40")

    def throttle(line: str) -> None:
        if line.startswith("turn 1"):
            device.phone.write("state/throttled", "")

    result = bench(device.serial, say=throttle, plan=THREE_ROUNDS)

    assert [turn.conditions.frequency_mhz for turn in result.contestants[0].rounds] == [2860.0, 1430.0, 1430.0]
    assert any("between 1430 and 2860 MHz" in reason for reason in judge(result)[0].reasons)


def test_a_hot_phone_is_waited_for(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.battery(celsius=44.0, cooling=True)
    slept: list[float] = []

    result = bench(device.serial, cooling=Cooling(sleep=slept.append))

    assert slept
    assert all(verdict.stable for verdict in judge(result))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda phone: phone.setting("low_power", "1"), "battery saver is on"),
        (lambda phone: phone.write("props/ro.product.cpu.abilist", "armeabi-v7a"), "arm64-v8a is needed"),
        (lambda phone: phone.write("props/ro.product.cpu.abilist", "x86_64,x86"), "arm64-v8a is needed"),
        (lambda phone: phone.program("mkdir", "echo 'mkdir: Read-only file system' >&2; exit 1"), "Read-only"),
        (lambda phone: (phone.screen("Asleep"), phone.program("input", "exit 0")), "screen stays off"),
    ],
)
def test_a_phone_that_cannot_be_measured_on_is_refused(
    plug: Plug, bench: Bench, change: Callable[[object], None], said: str
) -> None:
    device = plug()
    change(device.phone)

    with pytest.raises(DeviceError, match=said):
        bench(device.serial)

    _clean(device)


def test_a_full_phone(plug: Plug, bench: Bench) -> None:
    device = plug(faults=Faults(push_refusal="couldn't write: No space left on device"))

    with pytest.raises(DeviceError, match="the phone is full"):
        bench(device.serial)

    _clean(device)


def test_a_screen_that_was_off_is_off_again(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.screen("Asleep")

    result = bench(device.serial)

    assert all(turn.phone and turn.phone.before.screen == "Awake" for turn in result.contestants[0].rounds)
    assert "Asleep" in (device.phone.root / "dumpsys/power").read_text()
    _clean(device)


@pytest.mark.parametrize("reboots", [False, True])
@pytest.mark.parametrize(
    "fault", [{"unplug_during_push": True}, {"unplug_during_run": "--pictures"}, {"unplug_during_pull": True}]
)
def test_a_phone_that_comes_back_is_cleaned(plug: Plug, bench: Bench, fault: dict[str, object], reboots: bool) -> None:
    device = plug(faults=Faults(**fault, back_after_s=0.2, reboots=reboots))

    with pytest.raises(
        DeviceError, match="restarted meanwhile and was cleaned" if reboots else "is back and was cleaned"
    ):
        bench(device.serial)

    _clean(device)


def test_a_phone_that_stays_away_is_told_what_is_left_and_the_next_run_makes_it_good(plug: Plug, bench: Bench) -> None:
    device = plug(faults=Faults(unplug_during_run="--pictures"))

    with pytest.raises(DeviceError, match="left on it: /data/local/tmp/deepmark-"):
        bench(device.serial, comes_back_s=1.0)

    assert (device.phone.root / "settings/global.stay_on_while_plugged_in").read_text().strip() == "2"
    device.plugged = True

    subprocess.run(["adb", "disconnect", device.serial], capture_output=True, timeout=30)
    subprocess.run(["adb", "connect", device.serial], capture_output=True, timeout=30)
    bench(device.serial)
    _clean(device)


def test_ctrl_c_leaves_nothing_behind(plug: Plug, bench: Bench) -> None:
    device = plug()

    def interrupt(line: str) -> None:
        if line.startswith("turn 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(device.serial, say=interrupt)

    _clean(device)


def test_ctrl_c_during_a_turn_stops_it(plug: Plug, bench: Bench) -> None:
    device = plug()
    _act(device, "hang")

    def interrupt() -> None:
        while not any("--pictures" in command for command in device.phone.commands):
            time.sleep(0.05)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        bench(device.serial)

    _clean(device)
    running = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True).stdout
    assert str(device.phone.root) not in running


def test_a_second_benchmark_on_the_same_phone_is_refused(plug: Plug, bench: Bench) -> None:
    device = plug()

    with phone_lock(device.serial), pytest.raises(DeviceError, match="another deepmark bench"):
        bench(device.serial)

    assert device.phone.pushed == []


def test_two_phones_need_a_serial(plug: Plug, bench: Bench) -> None:
    plug("p40")
    plug("pixel")

    with pytest.raises(DeviceError, match="2 phones are connected"):
        bench()


def test_a_bare_model_file_is_refused(plug: Plug, bench: Bench, phone_bundle: Path, tmp_path: Path) -> None:
    plug()
    with pytest.raises(DeepMarkError):
        bench(models=(phone_bundle / "model.mnn",))
    with pytest.raises(BundleError, match="does not exist"):
        bench(models=(tmp_path / "none.deepmark",))


def test_the_command_from_end_to_end(
    plug: Plug,
    deepmark: Deepmark,
    build: StandIn,
    phone_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.native.build_for_phone", lambda: build)
    plug("p40")
    page, file = tmp_path / "r.html", tmp_path / "r.json"

    done = deepmark(
        "bench", phone_bundle, "--device", "adb", "--rounds", 2, "--runs", 6, "--warm-up", 0, "--compare", "paper",
        "--precision", "fp32", "--precision", "fp16", "--report", page, "-o", file, "--csv", tmp_path / "r.csv",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert done.err.count("EMULATED") > 10
    assert "glibc-wheel" in done.err
    assert "The phone" in page.read_text()
    assert "EMULATED: no phone was measured" in page.read_text()
    assert json.loads(file.read_text())["phone"]["identity"]["platform"] == "kirin990"


def test_throttling_is_exit_status_5_after_all_output(
    plug: Plug, deepmark: Deepmark, build: StandIn, phone_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.native.build_for_phone", lambda: build)
    device = plug("p40")
    _act(device, "slower")

    done = deepmark("bench", phone_bundle, "--device", "adb", "--rounds", 2, "--runs", 6, "--warm-up", 0, "--json")

    assert done.code == 5
    assert json.loads(done.out)["contestants"]
    assert "unstable" in done.err


@pytest.mark.parametrize(
    "arguments", [("--device", "adb", "--against", "ncnn"), ("--serial", "A1"), ("--device", "adb", "--cores", "0")]
)
def test_options_of_the_other_device_are_refused(
    deepmark: Deepmark, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    deepmark("bench", tmp_path, *arguments).assert_refused(2, "goes with --device")


def test_without_adb_is_exit_status_4(
    deepmark: Deepmark, phone_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    deepmark("bench", phone_bundle, "--device", "adb").assert_refused(4, "adb is not installed", "doctor")
