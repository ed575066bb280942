"""``deepmark bench --compute``: the CPU and GPUs take turns, and a GPU says where its operators ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from outcome import Deepmark

from deepmark.benchmarks.speed.contestants import enter
from deepmark.runtime.bundle import open_bundle

SHORT = ("--rounds", "1", "--runs", "2", "--seconds", "0.01", "--warm-up", "0", "--gpu-tuning", "none")


@pytest.mark.usefixtures("software_gpus")
def test_a_gpu_takes_turns_with_the_cpu(deepmark: Deepmark, tiny_bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    done = deepmark("bench", tiny_bundle, "--compute", "cpu", "--compute", "vulkan", *SHORT, "-o", output)
    assert done.code in {0, 5}, done.err
    cpu, gpu = json.loads(output.read_text())["contestants"]
    assert cpu["name"] != gpu["name"]
    assert gpu["name"].endswith("vulkan")
    assert "compute" not in cpu["settings"]
    assert (cpu["threads"], gpu["threads"]) == (1, 0)
    assert gpu["device"] in gpu["settings"]["operators"]
    assert gpu["settings"]["gpu_precision"] == "high"
    for part in ("create_ms", "resize_ms", "first_ms"):
        assert gpu["settings"][part] >= 0
    assert gpu["settings"]["kernels"] == "cached"
    assert gpu["settings"]["compiled_ms"] > 0
    assert gpu["memory"]["engine"] is None
    assert gpu["objects"] == cpu["objects"]
    assert "GPU; milliseconds before the first picture" in done.err


@pytest.mark.usefixtures("software_gpus")
def test_a_gpu_that_is_not_there_costs_only_itself(
    deepmark: Deepmark, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIM_DEVICE", "none")
    output = tmp_path / "result.json"
    done = deepmark("bench", tiny_bundle, "--compute", "cpu", "--compute", "opencl", *SHORT, "-o", output)
    assert done.code == 1, done.err
    result = json.loads(output.read_text())
    assert len(result["contestants"]) == 1
    (failure,) = result["failures"]
    assert "OpenCL has no GPU here" in failure["error"]


def test_a_gpu_is_entered_once_whatever_the_threads_are(tiny_bundle: Path) -> None:
    entered, failures = enter([open_bundle(tiny_bundle)], "auto", (), (1, 2), computes=("cpu", "vulkan"))
    assert not failures
    assert sorted((one.compute, one.threads) for one in entered) == [("cpu", 1), ("cpu", 2), ("vulkan", 1)]
    assert len({one.name for one in entered}) == 3
