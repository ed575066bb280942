"""Tasks on a Dask cluster of this machine: the same results, even when its processes die."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcome import Deepmark
from worker_jobs import Squares

from deepmark.errors import DataError, EngineError, UsageError
from deepmark.models.evaluation.cluster import do_on_cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Dask's own sockets, when a process of it was killed
]

NUMBERS = range(6)
SQUARES = {number: number**2 for number in NUMBERS}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two processes with one thread each; nothing listens but on this machine."""
    from distributed import LocalCluster

    support = Path(__file__).resolve().parents[2] / "support"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(support))
        local = LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        )
        with local:
            assert local.scheduler_address.startswith("tcp://127.0.0.1:")
            yield local.scheduler_address


def test_a_cluster_gives_the_same_results(cluster: str, tmp_path: Path) -> None:
    assert dict(do_on_cluster(Squares(tmp_path), NUMBERS, cluster)) == SQUARES


def test_a_task_whose_process_is_killed_is_done_again(cluster: str, tmp_path: Path) -> None:
    assert dict(do_on_cluster(Squares(tmp_path, deadly=3, times=2), NUMBERS, cluster)) == SQUARES
    assert len(list(tmp_path.glob("3-*"))) == 3


def test_a_task_that_always_kills_is_named(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="died at the number 3"):
        dict(do_on_cluster(Squares(tmp_path, deadly=3, times=99), [3], cluster))


def test_an_error_of_ours_arrives_with_its_hint(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 is bad") as caught:
        dict(do_on_cluster(Squares(tmp_path, bad=2), NUMBERS, cluster))
    assert caught.value.hint == "take another"


def test_eval_finds_the_same_on_a_cluster(
    deepmark: Deepmark, cluster: str, small_bundle: Path, forty: Path, tmp_path: Path
) -> None:
    request = ("eval", small_bundle, "--images", forty, "--annotations", forty, "--json", "--cache")
    far = deepmark(*request, tmp_path / "far", "--dask", cluster)
    here = deepmark(*request, tmp_path / "here", "--threads", 1)

    assert far.code == 0, far.err
    assert json.loads(far.out)["accuracy"] == json.loads(here.out)["accuracy"]
    files = [{path.name: path.read_bytes() for path in (tmp_path / n).rglob("*.heads")} for n in ("far", "here")]
    assert files[0] == files[1]


def test_a_cluster_without_processes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("deepmark.models.evaluation.cluster.CONNECT_S", 1)
    nobody = LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
        n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    )
    with nobody as empty, pytest.raises(EngineError, match="has no workers"):
        dict(do_on_cluster(Squares(tmp_path), NUMBERS, empty.scheduler_address))


def test_a_scheduler_that_goes_away_is_one_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from distributed import LocalCluster

    cluster = LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    )
    with cluster:
        done = do_on_cluster(Squares(tmp_path, pause_s=0.1), range(100), cluster.scheduler_address)
        next(done)
        cluster.close(timeout=5)
        with pytest.raises(EngineError, match=r"the Dask scheduler at tcp://.* went away") as refusal:
            list(done)

    assert "in the cache" in str(refusal.value.hint)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1:99999999"])
def test_no_scheduler_is_said(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.models.evaluation.cluster.CONNECT_S", 1)
    with pytest.raises(UsageError, match="no Dask scheduler answers at"):
        dict(do_on_cluster(Squares(tmp_path), NUMBERS, address))
