"""The whole measurement with the real arm64 programs, under emulation, behind the real adb."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_adbd import Plug
from native_programs import require_cross_build
from tiny_network import tiny_loaded

from deepmark.benchmarks.device.benchmark import PhoneRequest, run_on_phone
from deepmark.benchmarks.device.rounds import Cooling
from deepmark.benchmarks.result.document import BenchPlan
from deepmark.exporter.pipeline import export


@pytest.mark.slow
@pytest.mark.parametrize("heads", ["dense", "sparse"])
def test_real_programs_are_pushed_prove_the_vectors_and_are_timed(
    heads: str, plug: Plug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_cross_build()
    (tmp_path / "tiny.pth").write_bytes(b"stands for weights")
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded())
    bundle = export(tmp_path / "tiny.pth", to=("mnn",), output=tmp_path, size=(64, 64), heads=heads).path
    device = plug("p40")

    result = run_on_phone(
        PhoneRequest(
            models=(bundle,),
            serial=device.serial,
            plan=BenchPlan(rounds=2, runs=6, seconds=20, warm_up_s=0),
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
