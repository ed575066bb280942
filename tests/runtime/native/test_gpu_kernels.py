"""Kernels that a driver compiled for the C++ programs: the next load takes them, and no bad ones harm it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from media_files import encoded, read_image
from native_programs import Run

from deepmark.runtime.engines.gpu_settings import GpuSettings
from deepmark.runtime.engines.loading import load_engine

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("software_gpus")]

QUICK = ("--gpu-tuning", "none")
OPENCL, VULKAN = ("--compute", "opencl", *QUICK), ("--compute", "vulkan", *QUICK)


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "cache" / "kernels"


@pytest.fixture(scope="module")
def picture(demo_pictures: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of the network's size."""
    path = tmp_path_factory.mktemp("picture") / "one.ppm"
    path.write_bytes(encoded(read_image(demo_pictures[0])[:64, :96], ".ppm"))
    return path


@pytest.fixture
def bench(run: Run, proven: Path, picture: Path, kernels: Path) -> Callable[..., dict[str, Any]]:
    """Run dm_bench once with a folder for kernels, and return what its line `loaded` says of the GPU."""

    def call(*words: object) -> dict[str, Any]:
        runs = ("--pictures", picture.parent, "--warm-up-runs", 0, "--runs", 1)
        code, lines, printed = run("dm_bench", proven, *runs, *(words or OPENCL), "--kernels", kernels)
        assert code == 0, printed
        gpu: dict[str, Any] = lines[1]["gpu"]
        return gpu

    return call


@pytest.mark.parametrize("words", [OPENCL, VULKAN], ids=["opencl", "vulkan"])
def test_both_times_are_told_and_results_are_the_same(
    run: Run, bench: Callable[..., dict[str, Any]], proven: Path, picture: Path, kernels: Path, words: tuple[str, ...]
) -> None:
    first, second = bench(*words), bench(*words)
    assert (first["kernels"], second["kernels"]) == ("compiled", "cached")
    parts = [first[f"{part}_ms"] for part in ("create", "resize", "first")]
    assert first["compiled_ms"] == second["compiled_ms"] == pytest.approx(sum(parts), abs=0.01)
    assert len(list(kernels.iterdir())) == 1
    detect = ("dm_detect", proven, picture, *words, "--threshold", 0)
    found = [run(*detect, *more) for more in ((), ("--kernels", kernels))]
    assert [code for code, *_ in found] == [0, 0]
    assert found[0][1] == found[1][1]
    assert found[0][1][0]["objects"]


def test_python_and_the_programs_take_each_other_s(
    deepmark: Callable[..., Any],
    bench: Callable[..., dict[str, Any]],
    proven: Path,
    kernels: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = bench()
    with monkeypatch.context() as patch:
        patch.setenv("DEEPMARK_CACHE", os.fspath(kernels.parent))
        with load_engine(proven, compute="opencl", gpu=GpuSettings(tuning="none", timeout_s=120)) as engine:
            assert engine.record.settings["kernels"] == "cached"
            assert engine.record.settings["compiled_ms"] == round(kept["compiled_ms"])
    monkeypatch.setattr("deepmark.exporter.verification.kernels_folder", lambda: kernels)
    deepmark("verify", "--native", proven, *OPENCL)  # there are vectors of another size, too
    done = deepmark("verify", "--native", proven, *OPENCL)
    assert done.code == 0, done.err
    assert "; kernels cached, " in done.err


def test_a_session_that_fails_with_kept_ones_compiles_once_more(
    bench: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench()
    with monkeypatch.context() as patch:
        patch.setenv("SHIM_FAIL_READ", "1")
        patch.setenv("SHIM_FAIL_COUNT", "1")
        assert bench()["kernels"] == "compiled again: a session that used those kept went wrong"
    assert bench()["kernels"] == "cached"


def test_a_broken_driver_still_gives_one_line(
    run: Run, bench: Callable[..., dict[str, Any]], proven: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench()
    monkeypatch.setenv("SHIM_FAIL_READ", "1")
    code, lines, _ = run("dm_verify", proven, *OPENCL, "--kernels", kernels)
    assert code == 1
    assert [line["event"] for line in lines] == ["error"]
    assert list(kernels.iterdir()) == []  # nothing that was not proven is kept


def test_a_driver_that_dies_of_kept_ones_gets_none_the_next_time(
    run: Run, bench: Callable[..., dict[str, Any]], proven: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench()
    with monkeypatch.context() as patch:
        patch.setenv("SHIM_DIE_AT", "3")
        assert run("dm_verify", proven, *OPENCL, "--kernels", kernels)[0] == -signal.SIGABRT
    assert bench()["kernels"] == "compiled again: the process that tried those kept last died"
    assert bench()["kernels"] == "cached"
    assert len(list(kernels.iterdir())) == 1


def test_two_processes_at_once_do_not_meet(run: Run, proven: Path, picture: Path, kernels: Path) -> None:
    words = ("dm_detect", proven, picture, *VULKAN, "--threshold", 0)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: run(*words, "--kernels", kernels), range(2)))
    assert [one[:2] for one in found] == [run(*words)[:2]] * 2
    assert len(list(kernels.iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_time_only(run: Run, proven: Path) -> None:
    code, lines, printed = run("dm_verify", proven, *VULKAN, "--kernels", f"{os.devnull}/kernels")
    assert code == 0, printed
    assert lines[-1]["gpu"]["kernels"].startswith("compiled, not cached: cannot write /dev/null/kernels/")
    assert lines[-1]["gpu"]["kernels"].endswith(": Not a directory")
    code, lines, _ = run("dm_verify", proven, *VULKAN)
    assert lines[-1]["gpu"]["kernels"] == "compiled, not cached: no folder was named"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--kernels", "folder"), "--kernels goes with --compute opencl or vulkan only"),
        ((*VULKAN, "--kernels", ""), "--kernels must name a folder, found ''"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run: Run, proven: Path, words: tuple[str, ...], expected: str) -> None:
    code, lines, _ = run("dm_verify", proven, *words)
    assert code == 2
    assert expected in lines[0]["message"]
