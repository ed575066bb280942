"""Numbers for MNN, words of its output, and where operators ran."""

from __future__ import annotations

import pytest

from deepmark.errors import UsageError
from deepmark.runtime.engines.gpu_settings import GpuSettings
from deepmark.runtime.engines.mnn_messages import trouble_in
from deepmark.runtime.engines.operator_placement import Placement


def test_modes_are_the_numbers_of_mnn() -> None:
    assert GpuSettings(storage="image", tuning="wide").mode("opencl") == 132
    assert GpuSettings(storage="buffer", tuning="none").mode("opencl") == 65
    assert GpuSettings(storage="buffer", tuning="fast").mode("opencl") == 80
    assert GpuSettings(storage="buffer", tuning="heavy").mode("vulkan") == 2


@pytest.mark.parametrize(
    "wrong", [{"precision": "fp16"}, {"storage": "texture"}, {"tuning": "long"}, {"timeout_s": 0.0}]
)
def test_other_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        GpuSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        "Can't Find type=3 backend, use 0 instead",
        "CL ERROR CODE : -5, info:runKernel2D ",
        "type=3 backend don't Support Low Power, use 0 instead",
        "Build program failed, err:-11 ! ",
        "Vulkan don't support 33, Deconvolution: x",
        "Not support size: 20000 - 3",
        "Invalide device for support vulkan",
        "The customized gpu mode is illegal for Vulkan backend. Using the default mode.",
        "Alloc Image 9 x 9 error, code:-61 ",
    ],
)
def test_lines_that_mean_trouble_are_heard(line: str) -> None:
    assert trouble_in(f"\nUpdate cache to a, from size:0 -> size:9\n{line}\n") == line.strip()


def test_other_lines_mean_nothing() -> None:
    assert trouble_in("The device supports: i8sdot:0, fp16:0\nUpdate cache to a, from size:0 -> size:9\n") is None


def test_words_in_the_path_of_a_file_mean_nothing() -> None:
    path = "/home/failed/error/kernels"
    assert trouble_in(f"Write cache to {path}, size = 116\n", path) is None
    assert trouble_in(f"Write cache to {path}, size = 116\nWrite Cache error!\n", path) == "Write Cache error!"


def test_a_placement_names_what_ran_on_the_cpu() -> None:
    all_there = Placement(3, (), frozenset())
    assert all_there.sentence("a GPU") == "3 of 3 operators on a GPU"
    some = Placement(5, ("a (X)", "b (Y)", "c (Z)"), frozenset({"X"}))
    assert some.sentence("a GPU") == "2 of 5 operators on a GPU; on the CPU: a (X), b (Y), c (Z)"
    assert some.sentence("a GPU", most=2) == "2 of 5 operators on a GPU; on the CPU: a (X), b (Y) and 1 more"
