"""MNN's memory settings: they do what they say, are recorded, and no wrong one is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import Tiny, noise

from deepmark.errors import UsageError
from deepmark.exporter.parity import OTHER_BLOCKS_RTOL
from deepmark.runtime import load_engine
from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.cpu import usable_cores
from deepmark.runtime.engines.engine import EngineRecord, SessionFacts
from deepmark.runtime.engines.mnn import Memory, MnnSettings
from deepmark.runtime.heads.maps import PROBABILITY_HEADS


def test_the_defaults_are_mnns_own_and_recorded(tiny: Tiny) -> None:
    with load_engine(tiny.bundle, threads=1, backend="mnn") as engine:
        assert engine.record.settings["winograd_level"] == 3
        assert engine.record.settings["memory"] == 0
        assert (engine.record.precision, engine.record.weights) == ("fp32", "fp32")


@pytest.mark.parametrize("winograd", [0, 1, 2, 3])
@pytest.mark.parametrize("memory", ["normal", "low"])
def test_every_setting_runs_and_is_recorded(tiny: Tiny, winograd: int, memory: Memory) -> None:
    x = noise(1, 3, 64, 96)
    with load_engine(tiny.bundle, threads=1, backend="mnn") as engine:
        expected = engine.run(x)
    with load_engine(tiny.bundle, threads=1, backend="mnn", winograd=winograd, memory=memory) as engine:
        assert engine.record.settings["winograd_level"] == winograd
        assert engine.record.settings["memory"] == {"normal": 0, "low": 2}[memory]
        for name, head in engine.run(x).items():
            np.testing.assert_allclose(head, expected[name], atol=1e-4)


@pytest.mark.slow
def test_a_lower_level_takes_less_memory(demo_bundle: Path) -> None:
    memory = []
    for level in (3, 1, 0):
        with load_engine(demo_bundle, threads=1, backend="mnn", winograd=level) as engine:
            engine.run(np.zeros((1, 3, 128, 128), np.float32))
            memory.append(engine.memory_mib())
    assert memory[0] is not None
    assert memory[0] > 1.5 * (memory[1] or 0) > 1.5 * (memory[2] or 0)


@pytest.mark.slow
@pytest.mark.skipif(usable_cores() < 2, reason="MNN cuts threads to the cores that there are")
@pytest.mark.parametrize(("winograd", "limit"), [(3, OTHER_BLOCKS_RTOL), (1, OTHER_BLOCKS_RTOL), (0, 5e-6)])
def test_two_threads_move_heads_by_what_verify_allows_and_hardly_without_fast_convolutions(
    demo_dense_bundle: Path, winograd: int, limit: float
) -> None:
    """At no level are the bits the same: level 1 leaves the 7x7 convolution fast, and 1x1 ones sum in another order."""
    x = noise(1, 3, 128, 128)
    found = []
    for threads in (1, 2):
        with load_engine(demo_dense_bundle, threads=threads, backend="mnn", winograd=winograd) as engine:
            assert engine.record.threads == threads
            found.append(engine.run(x))
    for name in found[0]:
        one, two = (_before_sigmoid(name, heads[name]) for heads in found)
        assert np.abs(one - two).max() <= limit * np.abs(one).max(), name


def _before_sigmoid(name: str, head: F32) -> F64:
    """Undo the sigmoid of a heatmap: rounding moves the sum before it, which is far below 0 where nothing is seen."""
    values = head.astype(np.float64)
    return np.log(values / (1 - values)) if name in PROBABILITY_HEADS else values


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"winograd": 4}, "winograd must be one of"), ({"winograd": -1}, "winograd"), ({"memory": "high"}, "memory must")],
)
def test_an_unknown_setting_is_refused(tiny: Tiny, settings: Mapping[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_engine(tiny.bundle, threads=1, backend="mnn", **settings)


@pytest.mark.parametrize("settings", [{"winograd": 1}, {"memory": "normal"}])
def test_settings_of_mnn_are_refused_for_another_engine(tiny: Tiny, settings: Mapping[str, Any]) -> None:
    with pytest.raises(UsageError, match="settings of MNN, not of onnxruntime"):
        load_engine(tiny.bundle, threads=1, backend="onnxruntime", **settings)


@pytest.mark.parametrize(
    ("weights", "memory", "precision"),
    [
        ("fp32", "low", "fp32"),
        ("fp16", "normal", "fp32"),
        ("w8", "normal", "fp32"),
        ("w8", "low", "int8, scaled at run time"),
        ("int8", "normal", "int8"),
    ],
)
def test_a_record_says_what_is_computed_in(weights: str, memory: Memory, precision: str) -> None:
    facts = SessionFacts("3", "CPU", 1, "fp32", MnnSettings(memory=memory).session)
    record = EngineRecord.of(
        facts, backend="mnn", threads_asked=1, model_file="model.mnn", model_sha256="0" * 64, weights=weights
    )
    assert (record.weights, record.precision) == (weights, precision)
