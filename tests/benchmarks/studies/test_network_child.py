"""Networks in processes of their own, which take turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepmark.benchmarks.studies.support.network_child import NetworkChild, interleave
from deepmark.errors import EngineError
from deepmark.runtime.engines.mnn import MnnSettings


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_child_that_is_killed_is_one_error(demo_bundle: Path) -> None:
    with NetworkChild(demo_bundle, MnnSettings(), 1) as child:
        child._process.kill()
        child._process.wait()
        with pytest.raises(EngineError, match="died"):
            child.run(1)
