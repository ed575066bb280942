"""The whole measurement with the real arm64 programs, under emulation, behind the real adb."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fake_adbd import Plug
from tiny_network import tiny_loaded

from deepmark.benchmarks.device.bench import Request, run_on_phone
from deepmark.benchmarks.device.cooling import Cooling
from deepmark.benchmarks.speed.results import Plan
from deepmark.exporter.pipeline import export
from deepmark.runtime.native.wheel import WHEEL_VARIABLE

TOOLS = ("cmake", "aarch64-linux-gnu-g++", "qemu-aarch64-static")


@pytest.mark.slow
@pytest.mark.parametrize("heads", ["dense", "sparse"])
def test_real_programs_are_pushed_prove_the_vectors_and_are_timed(
    heads: str, plug: Plug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or not os.environ.get(WHEEL_VARIABLE):
        pytest.skip(f"needs {', '.join(missing) or WHEEL_VARIABLE}: tools/phone_toolchain.sh")
    (tmp_path / "tiny.pth").write_bytes(b"stands for weights")
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_: tiny_loaded())
    bundle = export(tmp_path / "tiny.pth", to=("mnn",), output=tmp_path, size=(64, 64), heads=heads).path
    device = plug("p40")

    result = run_on_phone(
        Request(
            models=(bundle,),
            serial=device.serial,
            plan=Plan(rounds=2, runs=6, seconds=20, warm_up_s=0),
            precisions=("fp32", "fp16"),
            cooling=Cooling(longest_s=10.0, sleep=lambda _: None),
        )
    )

    assert len(result.contestants) == 2
    for one in result.contestants:
        assert one.name.startswith("EMULATED ")
        assert all(time_ms > 0 for times in one.times("network") for time_ms in times)
        assert one.memory.peak > 5
    assert result.phone is not None
    assert result.phone.runtime == "glibc-wheel"
    assert min(result.phone.verified.values()) >= 1
    assert device.phone.left() == []
