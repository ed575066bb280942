"""The table of MNN's back ends for a GPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies import gpu_back_ends


@pytest.mark.usefixtures("software_gpus", "host_build")
def test_the_command_proves_and_times_a_back_end(
    study: Callable[..., Outcome], tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_back_ends, "BACK_ENDS", (("vulkan", "image"),))
    (row,) = json.loads(study("gpu_back_ends", tiny_bundle, "--rounds", 2, "--tuning", "none", "--json").out)
    ran, _, total = row["placement"].split()[:3]
    assert ran == total
    assert row["passed"]
    assert row["kept"] == row["objects"] > 0
    assert set(row["errors"]) == {"hm", "wh", "hps", "reg", "hm_hp", "hp_offset"}
    assert row["compiled_ms"] > 0
    assert list(row["parts_ms"]) == ["copy in", "run", "copy out"]
    assert row["processor_ratio"] > 0
    assert row["native_ratio"] > 0


def test_a_bundle_that_is_not_there_is_a_usage_error(study: Callable[..., Outcome]) -> None:
    with pytest.raises(Exception, match="does not exist"):
        study("gpu_back_ends", "none.deepmark")
