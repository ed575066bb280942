"""What goes wrong with a phone: one clear line, the documented exit status, and a phone as it was found."""

from __future__ import annotations

import _thread
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fake_adbd import Plug
from fake_phone import ANDROID, GNU, FakePhone, Faults

from deepmark.benchmarks.device.connected_phones import phone_lock
from deepmark.benchmarks.result.document import BenchResult
from deepmark.errors import BundleError, DeepMarkError, DeviceError, EngineError, ParityError

pytestmark = pytest.mark.slow

Bench = Callable[..., BenchResult]
both_shells = pytest.mark.parametrize("phone_shell", [ANDROID, GNU], ids=["android", "gnu"], indirect=True)


def test_a_wrong_result_is_never_timed(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.act("differ")

    with pytest.raises(ParityError, match="was not timed") as caught:
        bench(device.serial)

    assert caught.value.exit_code == 3
    assert not any("dm_bench" in command and "--pictures" in command for command in device.phone.commands)
    device.phone.require_as_found()


@pytest.mark.parametrize(
    ("phone_shell", "personality", "act", "message"),
    [
        (ANDROID, "p40", "SIGSEGV", r"dm_bench crashed \(SIGSEGV\)"),
        (ANDROID, "p40", "SIGSYS", r"a system call that Android does not allow \(SIGSYS\)"),
        (ANDROID, "mi_a1", "SIGILL", r"an instruction that this processor has not \(SIGILL\)"),
        (ANDROID, "pixel", "SIGKILL", r"was killed, most likely for its memory \(SIGKILL\)"),
        (ANDROID, "silent", "SIGXFSZ", "was ended by signal 25 on the phone"),
        (GNU, "p40", "SIGSEGV", r"dm_bench crashed \(SIGSEGV\)"),
    ],
    indirect=["phone_shell"],
)
def test_a_crash_is_told_as_what_it_is(plug: Plug, bench: Bench, personality: str, act: str, message: str) -> None:
    device = plug(personality)
    device.phone.act(act)

    with pytest.raises(DeviceError, match=message) as caught:
        bench(device.serial)

    assert caught.value.exit_code == 4
    assert ("ANDROID_NDK_HOME" in str(caught.value.hint)) == (act == "SIGSYS")
    assert device.phone.left() == []
    device.phone.require_nothing_running()


@pytest.mark.parametrize(
    ("act", "message"),
    [
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


def test_cores_that_a_phone_refuses_are_named(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.write("state/no-taskset", "")

    with pytest.raises(DeviceError, match="dm_verify be bound to cores 4, 5, 6, 7: taskset: failed to set"):
        bench(device.serial)

    device.phone.require_as_found()


@pytest.mark.parametrize("personality", ["mi_a1", "p40"])
def test_a_program_that_hangs_is_stopped(
    plug: Plug, bench: Bench, monkeypatch: pytest.MonkeyPatch, personality: str
) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.programs.LOAD_S", 1)
    device = plug(personality)
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


def _connect_again(serial: str) -> None:
    """Connect until adb sees the phone: on a busy machine an attempt may come to nothing, and it makes no other."""
    for _ in range(60):
        for words in (["disconnect", serial], ["connect", serial]):
            subprocess.run(["adb", *words], capture_output=True, timeout=30)
        state = subprocess.run(["adb", "-s", serial, "get-state"], capture_output=True, text=True, timeout=30)
        if state.stdout.strip() == "device":
            return
        time.sleep(0.5)
    raise AssertionError(f"adb does not see {serial}: {state.stderr}")


def test_of_a_phone_that_stays_away_it_is_known_what_is_left_and_the_next_run_makes_it_good(
    plug: Plug, bench: Bench
) -> None:
    device = plug(faults=Faults(unplug_during_run="--pictures"))

    with pytest.raises(DeviceError, match="left on it: /data/local/tmp/deepmark-"):
        bench(device.serial, reconnect_s=1.0)

    assert (device.phone.root / "settings/global.stay_on_while_plugged_in").read_text().strip() == "2"
    device.plugged = True

    _connect_again(device.serial)
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


@both_shells
def test_ctrl_c_during_a_turn_stops_it(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.act("hang")

    with _when_the_program_runs(device.phone, _thread.interrupt_main), pytest.raises(KeyboardInterrupt):
        bench(device.serial)

    device.phone.require_as_found()


@both_shells
def test_what_runs_when_the_cable_goes_is_stopped_when_the_phone_is_back(plug: Plug, bench: Bench) -> None:
    device = plug(faults=Faults(back_after_s=0.5))
    device.phone.act("hang")

    with (
        _when_the_program_runs(device.phone, device.unplug),
        pytest.raises(DeviceError, match="is back and was cleaned"),
    ):
        bench(device.serial)

    device.phone.require_as_found()


@both_shells
def test_without_a_cable_the_phone_itself_ends_the_program_at_its_limit(
    plug: Plug, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.programs.LOAD_S", 1)  # and 1.5 s of the turn
    device = plug()
    device.phone.act("hang")
    running: list[dict[int, str]] = []

    def unplug() -> None:
        device.unplug()
        time.sleep(0.5)
        running.append(device.phone.running())

    with _when_the_program_runs(device.phone, unplug), pytest.raises(DeviceError, match="left on it"):
        bench(device.serial, reconnect_s=0.5)

    assert any("dm_bench" in line for line in running[0].values())  # a lost cable alone ends nothing
    device.phone.require_nothing_running(within_s=10)


@contextmanager
def _when_the_program_runs(phone: FakePhone, action: Callable[[], None]) -> Iterator[None]:
    """Do something once ``dm_bench`` is seen to run on the phone."""

    def watch() -> None:
        while not any("./dm_bench" in line and "hang" not in line for line in phone.running().values()):
            time.sleep(0.02)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(timeout=30)
    assert not thread.is_alive()


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
