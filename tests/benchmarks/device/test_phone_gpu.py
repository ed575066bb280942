"""The GPU of a phone, with programs that compute nothing behind the real adb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_adbd import Plug
from outcome import Deepmark
from stand_in_native import StandIn, stand_in

from deepmark.benchmarks.device.ways import Way, all_gpu_ways
from deepmark.benchmarks.report.found_ways import best_ways
from deepmark.benchmarks.result.document import BenchPlan, BenchResult
from deepmark.benchmarks.result.formats import read_result
from deepmark.errors import DeviceError, ParityError
from deepmark.runtime.engines.gpu_settings import GpuSettings

pytestmark = pytest.mark.slow

Bench = Callable[..., BenchResult]
OPENCL, VULKAN = Way("opencl", gpu=GpuSettings()), Way("vulkan", gpu=GpuSettings())
SHORT = BenchPlan(rounds=1, runs=3, seconds=3, warm_up_s=0)


@pytest.fixture
def build(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path / "build", gpu=True)


def test_a_gpu_takes_turns_with_the_cpu_and_says_what_it_is(plug: Plug, bench: Bench) -> None:
    device = plug("p40")

    result = bench(device.serial, gpus=(OPENCL,), threads=(1, 4))

    one, four, gpu = (next(x for x in result.contestants if x.threads == count) for count in (1, 4, 0))
    assert (one.threads_asked, four.threads_asked) == (1, 4)
    assert gpu.name == "EMULATED tiny opencl image high"
    assert gpu.device == "Mali-G76 (opencl)"
    assert gpu.settings["operators"] == "112 of 112 operators on Mali-G76 (opencl)"
    assert gpu.settings["compute"] == "opencl"
    assert (gpu.settings["create_ms"], gpu.settings["resize_ms"], gpu.settings["first_ms"]) == (100, 700, 90)
    assert (gpu.settings["kernels"], gpu.settings["compiled_ms"]) == ("cached", 7190)  # its vectors compiled them
    assert (gpu.settings["driver"], gpu.settings["storage"]) == ("r18p0", "image")
    assert "power" not in gpu.settings
    assert gpu.memory.engine is None
    assert result.phone is not None
    assert set(result.phone.verified) == {one.name, four.name, gpu.name}
    device.phone.require_as_found()


def test_a_gpu_that_cannot_run_it_costs_itself_only(plug: Plug, bench: Bench) -> None:
    for act in ("refuse", "SIGSEGV"):
        device = plug("p40")
        (device.phone.root / "state" / "gpu-act").write_text(f"opencl high {act}")

        result = bench(device.serial, gpus=(OPENCL,), plan=SHORT)

        assert [one.threads for one in result.contestants] == [4]
        (failure,) = result.failures
        assert "opencl" in failure.name
        assert "dm_verify" in failure.error


def test_a_gpu_that_is_wrong_ends_it(plug: Plug, bench: Bench) -> None:
    device = plug("p40")
    (device.phone.root / "state" / "gpu-act").write_text("opencl high differ")

    with pytest.raises(ParityError, match="wrong on the phone in opencl image high, so it was not timed"):
        bench(device.serial, gpus=(OPENCL,), plan=SHORT)


def test_a_driver_that_hangs_is_ended(plug: Plug, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.programs.VERIFY_S", 1)
    device = plug("p40")
    (device.phone.root / "state" / "gpu-act").write_text("opencl high hang")

    result = bench(device.serial, gpus=(Way("opencl", gpu=GpuSettings(timeout_s=2)),), plan=SHORT)

    assert "ran past its time and was stopped on the phone's GPU" in result.failures[0].error


def test_vulkan_is_closed_to_shells_of_the_papers_phone(plug: Plug, bench: Bench) -> None:
    with pytest.raises(DeviceError, match=r"opens Vulkan inside apps only") as error:
        bench(plug("p40").serial, gpus=(VULKAN,))
    assert "the app" in str(error.value.hint)

    result = bench(plug("pixel").serial, gpus=(VULKAN,), plan=SHORT)
    assert any(one.settings.get("compute") == "vulkan" for one in result.contestants)


def test_programs_without_a_back_end_are_refused(plug: Plug, bench: Bench, tmp_path: Path) -> None:
    plain = stand_in(tmp_path / "plain")
    with pytest.raises(DeviceError, match=r"were built without MNN's OpenCL back end, libMNN_CL\.so") as error:
        bench(plug("p40").serial, gpus=(OPENCL,), build=lambda: plain)
    assert "ANDROID_NDK_HOME, MNN_ANDROID" in str(error.value.hint)


def test_find_keeps_what_is_right_and_names_the_best(
    plug: Plug, phone_command: Deepmark, phone_bundle: Path, tmp_path: Path
) -> None:
    device = plug("p40")
    (device.phone.root / "state" / "gpu-act").write_text("opencl low differ\nopencl normal refuse")
    output = tmp_path / "found.json"

    words = ("--device", "adb", "--serial", device.serial, "--find", "--threads", 4, "-o", output)
    done = phone_command("bench", phone_bundle, *words, "--rounds", 1, "--runs", 3, "--warm-up", 0)

    assert done.code in {0, 5}, done.err
    result = read_result(output)
    ways = {one.name.removeprefix("EMULATED tiny ") for one in result.contestants}
    assert ways == {"fp32", "fp16", "opencl image high", "opencl buffer high"}
    refused = " ".join(f"{one.name}: {one.error}" for one in result.failures)
    assert len(result.failures) == 6
    assert "opens Vulkan inside apps only" in refused
    assert "wrong on the phone in opencl image low" in refused
    best = best_ways(result)
    assert best["fastest"].settings["gpu_precision"] == "high"
    assert "gpu_mode" not in best["least memory"].settings
    for word in ("Ways to compute", "fastest: ", "least memory: ", "least heat: "):
        assert word in done.err
    device.phone.require_as_found()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--device", "adb", "--find", "--compute", "opencl"), "--find tries every --compute"),
        (("--device", "adb", "--find", "--gpu-precision", "low"), "--find tries every --gpu-precision"),
        (("--find",), "--find goes with --device adb only"),
        (("--device", "adb", "--gpu-precision", "low"), "--gpu-precision goes with --compute opencl or vulkan"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    deepmark: Deepmark, phone_bundle: Path, words: tuple[str, ...], expected: str
) -> None:
    done = deepmark("bench", phone_bundle, *words)
    assert done.code == 2
    assert expected in done.err


def test_every_way_of_a_gpu_is_tried_once() -> None:
    labels = [one.label for one in all_gpu_ways(GpuSettings(tuning="none", timeout_s=9))]
    assert len(set(labels)) == len(labels) == 8
    assert labels[0] == "opencl image high"
    assert labels[-2:] == ["vulkan high", "vulkan normal"]
    one = all_gpu_ways(GpuSettings(tuning="none", timeout_s=9))[0]
    assert one.words(4)[-6:] == ["--gpu-tuning", "none", "--opencl-storage", "image", "--kernels", "kernels"]
