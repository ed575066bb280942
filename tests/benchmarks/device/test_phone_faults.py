"""What goes wrong with a phone: one clear line, the documented exit status, and a phone as it was found."""

from __future__ import annotations

import _thread
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_adbd import Plug
from fake_phone import Faults

from deepmark.benchmarks.device.connected_phones import phone_lock
from deepmark.benchmarks.result.document import BenchResult
from deepmark.errors import BundleError, DeepMarkError, DeviceError, EngineError, ParityError

pytestmark = pytest.mark.slow

Bench = Callable[..., BenchResult]


def test_a_wrong_result_is_never_timed(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.act("differ")

    with pytest.raises(ParityError, match="was not timed") as caught:
        bench(device.serial)

    assert caught.value.exit_code == 3
    assert not any("dm_bench" in command and "--pictures" in command for command in device.phone.commands)
    device.phone.require_as_found()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("killed", "was killed"),
        ("crash", "crashed"),
        ("cut", "cut short"),
        ("hostile", "none of its lines"),
        ("backwards", "clock went backwards"),
        ("flood", "printed more than 32 MB"),
    ],
)
def test_a_program_that_ends_badly_is_exit_status_4(plug: Plug, bench: Bench, act: str, message: str) -> None:
    device = plug()
    device.phone.act(act)

    with pytest.raises(DeviceError, match=message) as caught:
        bench(device.serial)

    assert caught.value.exit_code == 4
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    device.phone.require_as_found()


def test_a_program_that_hangs_is_stopped(plug: Plug, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.programs.LOAD_S", 1)
    device = plug()
    device.phone.act("hang")

    with pytest.raises(DeviceError, match="ran past its time"):
        bench(device.serial)

    device.phone.require_as_found()


def test_a_model_that_cannot_be_read_there_is_refused_in_the_programs_words(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.act("refuse")

    with pytest.raises(EngineError, match="of version 9") as caught:
        bench(device.serial)

    assert caught.value.hint == "export it again"
    device.phone.require_as_found()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda phone: phone.setting("low_power", "1"), "battery saver is on"),
        (lambda phone: phone.write("props/ro.product.cpu.abilist", "armeabi-v7a"), "arm64-v8a is needed"),
        (lambda phone: phone.write("props/ro.product.cpu.abilist", "x86_64,x86"), "arm64-v8a is needed"),
        (lambda phone: phone.program("mkdir", "echo 'mkdir: Read-only file system' >&2; exit 1"), "Read-only"),
        (lambda phone: (phone.screen("Asleep"), phone.program("input", "exit 0")), "screen stays off"),
    ],
)
def test_a_phone_that_cannot_be_measured_on_is_refused(
    plug: Plug, bench: Bench, change: Callable[[object], None], message: str
) -> None:
    device = plug()
    change(device.phone)

    with pytest.raises(DeviceError, match=message):
        bench(device.serial)

    device.phone.require_as_found()


def test_a_full_phone(plug: Plug, bench: Bench) -> None:
    device = plug(faults=Faults(push_refusal="couldn't write: No space left on device"))

    with pytest.raises(DeviceError, match="the phone is full"):
        bench(device.serial)

    device.phone.require_as_found()


@pytest.mark.parametrize("reboots", [False, True])
@pytest.mark.parametrize(
    "fault",
    [Faults(unplug_during_push=True), Faults(unplug_during_run="--pictures"), Faults(unplug_during_pull=True)],
    ids=["push", "run", "pull"],
)
def test_a_phone_that_comes_back_is_cleaned(plug: Plug, bench: Bench, fault: Faults, reboots: bool) -> None:
    device = plug(faults=replace(fault, back_after_s=0.2, reboots=reboots))

    with pytest.raises(
        DeviceError, match="restarted meanwhile and was cleaned" if reboots else "is back and was cleaned"
    ):
        bench(device.serial)

    device.phone.require_as_found()


def test_of_a_phone_that_stays_away_it_is_known_what_is_left_and_the_next_run_makes_it_good(
    plug: Plug, bench: Bench
) -> None:
    device = plug(faults=Faults(unplug_during_run="--pictures"))

    with pytest.raises(DeviceError, match="left on it: /data/local/tmp/deepmark-"):
        bench(device.serial, reconnect_s=1.0)

    assert (device.phone.root / "settings/global.stay_on_while_plugged_in").read_text().strip() == "2"
    device.plugged = True

    subprocess.run(["adb", "disconnect", device.serial], capture_output=True, timeout=30)
    subprocess.run(["adb", "connect", device.serial], capture_output=True, timeout=30)
    bench(device.serial)
    device.phone.require_as_found()


def test_ctrl_c_leaves_nothing_behind(plug: Plug, bench: Bench) -> None:
    device = plug()

    def interrupt(line: str) -> None:
        if line.startswith("turn 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(device.serial, on_message=interrupt)

    device.phone.require_as_found()


def test_ctrl_c_during_a_turn_stops_it(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.act("hang")

    def interrupt() -> None:
        while not any("--pictures" in command for command in device.phone.commands):
            time.sleep(0.05)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        bench(device.serial)

    device.phone.require_as_found()
    running = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True).stdout
    assert str(device.phone.root) not in running


def test_a_second_benchmark_on_the_same_phone_is_refused(plug: Plug, bench: Bench) -> None:
    device = plug()

    with phone_lock(device.phone.number, "it"), pytest.raises(DeviceError, match="another deepmark bench"):
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
