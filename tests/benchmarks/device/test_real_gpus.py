"""The whole measurement on GPUs with the real programs, behind the real adb.

The programs are those of this computer, and so are the GPUs: PoCL, which calls itself a Mali, and lavapipe.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_adbd import FakeAdbd, Plug
from outcome import Deepmark
from tiny_network import export_loaded, tiny_loaded

from deepmark.benchmarks.device.ways import Way
from deepmark.benchmarks.report.found_ways import best_ways
from deepmark.benchmarks.result.document import BenchPlan, BenchResult, ContestantResult
from deepmark.benchmarks.result.formats import read_result
from deepmark.exporter.vectors import read_vectors
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.engines.gpu_libraries import LIBRARY_NAMES
from deepmark.runtime.engines.gpu_settings import GpuSettings
from deepmark.runtime.native import NativeBuild

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("software_gpus")]

Bench = Callable[..., BenchResult]
QUICK = GpuSettings(tuning="none")
OPENCL, VULKAN = Way("opencl", gpu=QUICK), Way("vulkan", gpu=QUICK)
SHORT = BenchPlan(rounds=1, runs=2, seconds=20, warm_up_s=0)


@pytest.fixture(scope="module")
def phone_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network's bundle with golden vectors, at the smallest size that it takes."""
    return export_loaded(
        tmp_path_factory.mktemp("proven"), tiny_loaded(), to=("mnn",), size=(32, 32), heads="dense"
    ).path


@pytest.fixture
def build(host_build: NativeBuild, gpu_shims: Path, tmp_path: Path) -> NativeBuild:
    """The programs with MNN's GPU back ends beside them, as Android's build has them, and with a phone's driver."""
    back_ends = [Path(os.environ["MNN_GPU_LIBRARIES"]) / name for name in LIBRARY_NAMES.values()]
    folder = Path(shutil.copytree(host_build.folder, tmp_path / "build"))
    for library in (*back_ends, gpu_shims / "libOpenCL.so"):
        shutil.copy(library, folder)
    return replace(host_build, folder=folder, files=tuple(sorted(path.name for path in folder.iterdir())))


@pytest.fixture
def phone(plug: Plug) -> FakeAdbd:
    """A phone whose shell may use both interfaces."""
    device = plug("pixel")
    device.phone.program("ld", 'exec ld "$@"')  # what PoCL links its kernels with
    device.phone.environment = {name: os.environ[name] for name in ("VK_ICD_FILENAMES", "POCL_CACHE_DIR")}
    return device


def _placement(contestant: ContestantResult) -> tuple[int, int, str]:
    """How many operators ran where the rest of the sentence says, and how many there are."""
    counts, _, place = str(contestant.settings["operators"]).partition(" operators on ")
    ran, total = map(int, counts.split(" of "))
    return ran, total, place


def test_every_operator_runs_there_and_the_record_names_the_gpu(
    phone: FakeAdbd, bench: Bench, phone_bundle: Path
) -> None:
    result = bench(phone.serial, gpus=(OPENCL, VULKAN), precisions=(), plan=SHORT)

    assert not [one.error for one in result.failures]
    opencl, vulkan = result.contestants
    assert (opencl.name, vulkan.name) == ("EMULATED tiny opencl image high", "EMULATED tiny vulkan high")
    vectors = len(read_vectors(open_bundle(phone_bundle)))
    assert vectors > 0
    assert result.phone is not None
    assert result.phone.verified == {opencl.name: vectors, vulkan.name: vectors}
    assert opencl.device == "Mali-G76 (OpenCL, IMAGE)"
    assert "llvmpipe" in vulkan.device
    assert vulkan.device.endswith(" (Vulkan, IMAGE)")
    for one, compute in ((opencl, "opencl"), (vulkan, "vulkan")):
        ran, total, place = _placement(one)
        assert ran == total > 15
        assert place == one.device
        assert (one.settings["compute"], one.settings["precision_used"], one.threads) == (compute, "fp32", 0)
        assert one.settings["driver"]
        assert one.settings["kernels"] == "cached"  # its vectors compiled them, into the folder on the phone
        assert float(one.settings["compiled_ms"]) > 0
        assert all(time_ms > 0 for times in one.times("network") for time_ms in times)
    phone.phone.require_as_found()


def test_a_gpu_that_breaks_costs_itself_only(phone: FakeAdbd, bench: Bench) -> None:
    phone.phone.environment["SHIM_FAIL_LAUNCH"] = "3"

    result = bench(phone.serial, gpus=(OPENCL, VULKAN), threads=(1,), plan=SHORT)

    assert [one.settings.get("compute", "cpu") for one in result.contestants] == ["cpu", "vulkan"]
    (failure,) = result.failures
    assert failure.name == "EMULATED tiny opencl image high"
    assert "dm_verify on the phone: " in failure.error
    assert "went wrong: CL ERROR CODE : -5" in failure.error
    phone.phone.require_as_found()


def test_find_tries_every_way_and_keeps_what_is_proven(
    phone: FakeAdbd,
    deepmark: Deepmark,
    build: NativeBuild,
    phone_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("deepmark.benchmarks.device.programs.build_for_phone", lambda: build)
    output = tmp_path / "found.json"

    words = ("--device", "adb", "--serial", phone.serial, "--find", "--threads", 1, "--gpu-tuning", "none")
    done = deepmark("bench", phone_bundle, *words, "--rounds", 1, "--runs", 2, "--warm-up", 0, "-o", output)

    assert done.code in {0, 5}, done.err
    result = read_result(output)
    ways = {one.name.removeprefix("EMULATED tiny ") for one in result.contestants}
    assert ways == {"fp32", "fp16", "opencl image high", "vulkan high", "vulkan normal"}
    refused = {one.name.removeprefix("EMULATED tiny "): one.error for one in result.failures}
    assert "DeconvolutionDepthwise" in refused.pop("opencl buffer high")
    assert set(refused) == {f"opencl {kind} {low}" for kind in ("image", "buffer") for low in ("normal", "low")}
    assert all("Mali-G76 has no fp16" in error for error in refused.values())
    assert best_ways(result).keys() >= {"fastest", "least memory"}
    assert "fastest: " in done.err
    phone.phone.require_as_found()
