"""The measurement on a phone, with programs that compute nothing behind the real adb."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_adbd import Plug
from fake_phone import Faults
from outcome import Deepmark

from deepmark.benchmarks.device.rounds import Cooling
from deepmark.benchmarks.report.paper import standing
from deepmark.benchmarks.result.document import INFERENCE, BenchPlan, BenchResult
from deepmark.benchmarks.result.formats import read_result, write_result
from deepmark.benchmarks.result.verdict import judge
from deepmark.errors import DeviceError
from deepmark.runtime.input_fit import FITS
from deepmark.runtime.multi_inference import SINGLE, MultiInference

pytestmark = pytest.mark.slow

Bench = Callable[..., BenchResult]
THREE_ROUNDS = BenchPlan(rounds=3, runs=9, seconds=3, warm_up_s=0)


def test_a_result_is_the_same_document_as_the_hosts(plug: Plug, bench: Bench, tmp_path: Path) -> None:
    device = plug("p40")
    messages: list[str] = []

    result = bench(device.serial, on_message=messages.append, plan=THREE_ROUNDS)

    write_result(tmp_path / "r.json", result)
    assert read_result(tmp_path / "r.json") == result
    (one,) = result.contestants
    assert [len(times) for times in one.times("total")] == [3, 3, 3]
    assert one.times("total")[0][0] == pytest.approx(43.0)
    assert (one.threads, one.cores, one.objects) == (4, (4, 5, 6, 7), 1.0)
    assert (one.memory.peak, one.memory.peak_pss) == pytest.approx((70000 / 1024, 45000 / 1024), abs=1e-3)
    assert one.memory.engine == 21.5
    assert result.phone is not None
    assert result.phone.verified == {one.name: 2}
    assert result.phone.runtime == "glibc-wheel"
    written = (tmp_path / "r.json").read_text()
    assert device.serial not in written
    assert device.phone.number not in written
    assert all(verdict.stable for verdict in judge(result))
    assert any("turn 3 of 3" in line and "battery 29.0 °C" in line for line in messages)
    assert (device.phone.root / "state/mask").read_text().strip() == "f0"
    device.phone.require_as_found()


@pytest.mark.parametrize("adb_server", ["build/adb34", "build/adb36"], indirect=True)
def test_newer_adb_do_the_same(plug: Plug, bench: Bench) -> None:
    for personality in ("p40", "pixel"):
        device = plug(personality)

        result = bench(device.serial, plan=THREE_ROUNDS)

        (one,) = result.contestants
        assert [len(times) for times in one.times("total")] == [3, 3, 3]
        assert one.times("total")[0][0] == pytest.approx(43.0)
        device.phone.require_as_found()
    gone = plug(faults=Faults(unplug_during_run="--pictures", back_after_s=1.0))

    with pytest.raises(DeviceError, match="is back and was cleaned"):
        bench(gone.serial)

    gone.phone.require_as_found()


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


def test_a_flip_test_takes_turns_with_a_single_look(plug: Plug, bench: Bench) -> None:
    device = plug("p40")

    result = bench(device.serial, inferences=(SINGLE, MultiInference(flip=True)))

    single, flip = result.contestants
    assert flip.name == f"{single.name} flip"
    assert (single.settings.get(INFERENCE), flip.settings[INFERENCE]) == (None, "flip")
    assert single.key != flip.key
    runs = ["--flip" in command for command in device.phone.commands if "--pictures" in command]
    assert any(runs)
    assert sum(runs) * 2 == len(runs)


def test_pictures_are_cut_to_a_shape_and_measured_in_it(plug: Plug, bench: Bench) -> None:
    device = plug("p40")
    fits = tuple(MultiInference(fit=fit) for fit in FITS)

    result = bench(device.serial, inferences=fits, shape=(3, 4))

    assert result.pictures.source == "drawings of this program, cut to 3:4"
    (height, width) = result.pictures.sizes[0]
    assert width == round(height * 3 / 4)
    square, rect = result.contestants
    assert (square.settings.get("input"), rect.settings["input"]) == (None, f"{height}x{width}")
    assert (square.settings[INFERENCE], rect.settings[INFERENCE]) == ("square", "rect")
    asked = [command.split("--fit ")[1].split()[0] for command in device.phone.commands if "--pictures" in command]
    assert asked == ["square", "rect"] * (len(asked) // 2)


def test_the_threshold_is_the_plans(plug: Plug, bench: Bench) -> None:
    device = plug()

    bench(device.serial, plan=BenchPlan(rounds=1, runs=2, seconds=1, warm_up_s=0, threshold=0.25))

    (command,) = (command for command in device.phone.commands if "--pictures" in command)
    assert "--threshold 0.25" in command


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
    device.phone.require_as_found()


def test_only_its_own_folder_is_removed(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.write("data/local/tmp/deepmark-of-somebody/file", "x")

    bench(device.serial)

    assert device.phone.left() == ["deepmark-of-somebody"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda phone: phone.thermal(2), "thermal status 2"),
        (lambda phone: phone.battery(celsius=42), "battery has 42.0 °C"),
        (lambda phone: phone.cap(1500), "core 7 at 1500 MHz"),
        (lambda phone: phone.write("state/act", "jump"), "clock jumped"),
        (lambda phone: phone.write("state/act", "slower"), "slower than the first"),
    ],
)
def test_what_speaks_against_the_times_is_a_reason(
    plug: Plug, bench: Bench, change: Callable[[object], None], message: str
) -> None:
    device = plug()
    change(device.phone)

    result = bench(device.serial)

    (verdict,) = judge(result)
    assert any(message in reason for reason in verdict.reasons), verdict.reasons
    device.phone.require_as_found()


def test_throttling_shows_in_the_clocks_that_the_kernel_counted(plug: Plug, bench: Bench) -> None:
    device = plug("p40")

    def throttle(line: str) -> None:
        if line.startswith("turn 1"):
            device.phone.write("state/throttled", "")

    result = bench(device.serial, on_message=throttle, plan=THREE_ROUNDS)

    assert [turn.conditions.frequency_mhz for turn in result.contestants[0].rounds] == [2860.0, 1430.0, 1430.0]
    assert any("between 1430 and 2860 MHz" in reason for reason in judge(result)[0].reasons)


def test_a_hot_phone_is_waited_for(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.battery(celsius=44.0, cooling=True)
    slept: list[float] = []

    result = bench(device.serial, cooling=Cooling(sleep=slept.append))

    assert slept
    assert all(verdict.stable for verdict in judge(result))


def test_a_screen_that_was_off_is_off_again(plug: Plug, bench: Bench) -> None:
    device = plug()
    device.phone.screen("Asleep")

    result = bench(device.serial)

    assert all(turn.phone and turn.phone.before.screen == "Awake" for turn in result.contestants[0].rounds)
    assert "Asleep" in (device.phone.root / "dumpsys/power").read_text()
    device.phone.require_as_found()


def test_the_command_from_end_to_end(plug: Plug, phone_command: Deepmark, phone_bundle: Path, tmp_path: Path) -> None:
    plug("p40")
    page, file = tmp_path / "r.html", tmp_path / "r.json"

    done = phone_command(
        "bench", phone_bundle, "--device", "adb", "--rounds", 2, "--runs", 6, "--warm-up", 0, "--compare", "paper",
        "--precision", "fp32", "--precision", "fp16", "--report", page, "-o", file, "--csv", tmp_path / "r.csv",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert done.err.count("EMULATED") > 10
    assert "glibc-wheel" in done.err
    assert "The phone" in page.read_text()
    assert "EMULATED: no phone was measured" in page.read_text()
    assert json.loads(file.read_text())["phone"]["identity"]["platform"] == "kirin990"


def test_a_sweep_measures_every_size_with_every_number_of_threads(
    plug: Plug, phone_command: Deepmark, phone_bundle: Path, tmp_path: Path
) -> None:
    device = plug("p40")
    command = ("--device", "adb", "--sweep", "--rounds", 2, "--runs", 3, "--warm-up", 0, "-o", tmp_path / "r.json")

    done = phone_command("bench", phone_bundle, *command, "--compare", "paper")

    assert done.code in {0, 5}, done.err
    measured = {(one.size, one.threads) for one in read_result(tmp_path / "r.json").contestants}
    assert measured == set(itertools.product(["128x128", "256x256", "512x512"], [1, 2, 4]))
    timed = [command for command in device.phone.commands if "--pictures" in command]
    assert any("--size 512x512" in command and "--threads 4" in command for command in timed)
    assert "GFLOPs, Table 6" in done.err
    device.phone.require_as_found()


def test_throttling_is_exit_status_5_after_all_output(plug: Plug, phone_command: Deepmark, phone_bundle: Path) -> None:
    device = plug("p40")
    device.phone.act("slower")

    done = phone_command("bench", phone_bundle, "--device", "adb", "--rounds", 2, "--runs", 6, "--warm-up", 0, "--json")

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
