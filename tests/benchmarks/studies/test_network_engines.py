"""The study of engines on the same network, on a network of three layers: who is timed, and who is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from outcome import Outcome
from tiny_deformable import tiny_deformable
from tiny_network import tiny_loaded, tiny_network

from deepmark.benchmarks.speed.rivals import RIVALS, LoadedRival, Rival
from deepmark.runtime.arrays import F32


def _refusing(path: Path, height: int, width: int, threads: int) -> LoadedRival:
    if path.stem == "network":
        raise RuntimeError("Check failed\n  Conversion is failed for: DeformConv-19")
    return RIVALS["onnxruntime"].load(path, height, width, threads)


def _wrong(path: Path, height: int, width: int, threads: int) -> LoadedRival:
    right = RIVALS["onnxruntime"].load(path.with_name("network.onnx"), height, width, threads)

    def run(x: F32) -> dict[str, F32]:
        return {name: 2 * head for name, head in right.run(x).items()}

    return LoadedRival("1", {}, run)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, study: Callable[..., Outcome]) -> Callable[..., list[dict[str, Any]]]:
    """Run the study on a network, with two engines that are not what they are called."""
    monkeypatch.setitem(RIVALS, "openvino", Rival("OpenVINO", "numpy", "rivals", "onnx", _refusing))
    monkeypatch.setitem(RIVALS, "ncnn", Rival("ncnn", "numpy", "rivals", "ncnn", _wrong))

    def measured(network: Any) -> list[dict[str, Any]]:
        monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded(network))
        done = study("network_engines", "net.pth", "--size", 64, "--rounds", 2, "--json")
        return list(json.loads(done.out))

    return measured


def test_who_computes_is_timed_and_who_refuses_is_named(found: Callable[..., list[dict[str, Any]]]) -> None:
    rows = found(tiny_deformable())

    timed = [row for row in rows if row["refusal"] is None]
    assert [row["engine"] for row in timed] == ["MNN, level 3", "MNN, level 0", "ONNX Runtime", "OpenVINO, decomposed"]
    assert timed[0]["ratio"] == 1
    assert all(row["processor_ms"] > 0 and row["version"] for row in timed)
    assert [row["memory_mib"] is not None for row in timed] == [True, True, False, False]
    refusals = {row["engine"]: row["refusal"] for row in rows if row["refusal"] is not None}
    assert refusals["OpenVINO"] == "Check failed Conversion is failed for: DeformConv-19"
    assert refusals["ncnn"].startswith("ncnn is off by")


def test_a_plain_network_has_no_decomposed_file(found: Callable[..., list[dict[str, Any]]]) -> None:
    assert "OpenVINO, decomposed" not in {row["engine"] for row in found(tiny_network())}


def test_an_engine_that_is_not_installed_is_named(
    found: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RIVALS, "ncnn", Rival("ncnn", "no_such_module", "rivals", "ncnn", _wrong))
    (refusal,) = [row["refusal"] for row in found(tiny_network()) if row["engine"] == "ncnn"]
    assert refusal == "ncnn is not installed"


def test_a_fault_of_this_program_is_no_refusal(
    found: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Rival("ncnn", "numpy", "rivals", "ncnn", lambda: None)  # type: ignore[misc,arg-type]
    monkeypatch.setitem(RIVALS, "ncnn", faulty)
    with pytest.raises(TypeError, match="positional arguments"):
        found(tiny_network())
