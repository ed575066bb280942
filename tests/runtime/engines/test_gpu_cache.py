"""Kernels that a driver compiled once: the next session is quicker, and gives the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import Tiny, assert_close, noise, truth

from deepmark.errors import EngineError
from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings
from deepmark.runtime.engines.loading import load_engine

pytestmark = pytest.mark.usefixtures("software_gpus")

QUICK = GpuSettings(tuning="none", timeout_s=120)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "error" / "cache"  # MNN prints the path, whose words mean nothing
    folder.parent.mkdir()
    monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(folder))
    return folder / "kernels"


@pytest.mark.parametrize("compute", ["opencl", "vulkan"])
def test_heads_are_the_same_with_and_without(
    tiny: Tiny, cache: Path, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = noise(1, 3, 64, 96)
    found = []
    for _ in range(2):
        with load_engine(tiny.bundle, compute=compute, gpu=QUICK) as engine:
            found.append(engine.run(x))
            spent = engine.record.settings
            assert spent["kernels"] == "cached"  # the child compiled them, the first time
            assert int(spent["compiled_ms"]) > 0
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setenv("DEEPMARK_CACHE", os.devnull)
    with load_engine(tiny.bundle, compute=compute, gpu=QUICK) as engine:
        found.append(engine.run(x))
        assert str(engine.record.settings["kernels"]).startswith("compiled, not cached: cannot write /dev/null/")
    assert_close(found[0], truth(tiny.onnx, x))
    for one in found[1:]:
        for name, values in found[0].items():
            np.testing.assert_array_equal(one[name], values)


def test_a_driver_that_dies_of_it_gets_none_the_next_time(
    tiny: Tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_engine(tiny.bundle, compute="opencl", gpu=QUICK).close()
    with monkeypatch.context() as patch:
        patch.setenv("SHIM_DIE_AT", "3")
        with pytest.raises(EngineError, match=r"MNN on OpenCL crashes on it with SIGABRT"):
            load_engine(tiny.bundle, compute="opencl", gpu=QUICK)
    assert all(one.name.startswith(".") for one in cache.iterdir())  # what a dead process leaves is swept by the next
    load_engine(tiny.bundle, compute="opencl", gpu=QUICK).close()
    assert len(list(cache.iterdir())) == 1


def test_two_processes_at_once_do_not_meet(tiny: Tiny, cache: Path) -> None:
    script = (
        "import sys; from deepmark.runtime.engines.gpu_settings import GpuSettings\n"
        "from deepmark.runtime.engines.loading import load_engine; import numpy as np\n"
        "settings = GpuSettings(tuning='none', timeout_s=120)\n"
        "with load_engine(sys.argv[1], compute='vulkan', gpu=settings) as engine:\n"
        "    np.savez(sys.argv[2], **engine.run(np.load(sys.argv[3])))\n"
    )
    np.save(cache.parents[1] / "x.npy", noise(1, 3, 64, 96))
    targets = [cache.parents[1] / f"{number}.npz" for number in range(2)]
    words = [[os.fspath(tiny.bundle), os.fspath(one), os.fspath(cache.parents[1] / "x.npy")] for one in targets]
    processes = [subprocess.Popen([sys.executable, "-c", script, *one]) for one in words]
    assert [one.wait(timeout=240) for one in processes] == [0, 0]
    for target in targets:
        with np.load(target) as heads:
            assert_close({name: heads[name] for name in heads.files}, truth(tiny.onnx, noise(1, 3, 64, 96)))
    assert len(list(cache.iterdir())) == 1
