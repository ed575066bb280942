"""The tables of precisions and of MNN's settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies import mnn_setting_costs
from deepmark.benchmarks.studies.support.network_child import NetworkChild, interleave
from deepmark.errors import EngineError
from deepmark.models.evaluation.drawn_accuracy import DrawnAccuracy
from deepmark.runtime import load_engine
from deepmark.runtime.engines.mnn import MnnSettings


def test_networks_run_in_turn_in_processes_of_their_own(demo_bundle: Path) -> None:
    with (
        NetworkChild(demo_bundle, MnnSettings(), 1) as one,
        NetworkChild(demo_bundle, MnnSettings(winograd=0), 1) as other,
    ):
        interleave((one, other), rounds=2, runs=2)
        taken = one.footprint, other.footprint
    assert [took.runs for took in taken] == [4, 4]
    assert taken[0].engine_mib > 1.5 * taken[1].engine_mib  # Winograd's own
    assert all(took.process_mib > took.engine_mib for took in taken)


def test_a_model_that_cannot_be_loaded_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing\.mnn .*does not exist"):
        NetworkChild(tmp_path / "nothing.mnn", MnnSettings(), 1)


def test_a_child_that_is_killed_is_one_error(demo_bundle: Path) -> None:
    with NetworkChild(demo_bundle, MnnSettings(), 1) as child:
        child._process.kill()
        child._process.wait()
        with pytest.raises(EngineError, match="died"):
            child.run(1)


@pytest.mark.slow
def test_the_command_prints_every_setting(
    study: Callable[..., Outcome], demo_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnn_setting_costs, "WINOGRAD_LEVELS", (1, 3))
    rows = json.loads(study("mnn_setting_costs", demo_bundle, "--rounds", 1, "--runs", 1, "--json").out)
    assert [(row["settings"]["winograd"], row["settings"]["memory"]) for row in rows] == [
        (3, "normal"),
        (1, "normal"),
        (3, "low"),
        (1, "low"),
    ]
    assert rows[0]["ratio"] == 1


@pytest.mark.slow
def test_accuracy_on_drawings_is_that_of_eval(demo_bundle: Path) -> None:
    with load_engine(demo_bundle, threads=1, backend="mnn") as engine:
        one, same = DrawnAccuracy(pictures=6)((engine, engine), lambda _: None)
    assert one == same
    assert 0 < one.boxes <= 1
    assert 0 <= one.points <= 1
