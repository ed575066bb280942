"""The cost of 62 groups and of 294 landmarks: what is compared is comparable, and the figures are what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from outcome import Outcome

from deepmark.benchmarks.studies.grouping import accuracy, cost
from deepmark.benchmarks.studies.grouping.cost import WARM_UP, compare, steps, time_in_turn
from deepmark.benchmarks.studies.grouping.report import TABLE_1
from deepmark.benchmarks.studies.grouping.step import Arm, Step, StepWorkload, dense_losses
from deepmark.errors import DataError, UsageError
from deepmark.models.datasets.drawings import draw
from deepmark.models.mdla34 import MDLA34
from deepmark.models.training.batch_plan import BatchPlan
from deepmark.models.training.batches import collate
from deepmark.models.training.losses import batch_losses
from deepmark.models.training.samples import TrainingSamples
from deepmark.models.training.warm_start import take_weights
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema

WORK = StepWorkload(size=32, batch=2, device="cpu", precision="fp32")


def test_dense_and_sparse_heads_have_the_same_losses() -> None:
    schema = KeypointSchema.deepfashion2(294)
    drawing = draw(3, 1, 64)
    samples = TrainingSamples(
        [(drawing.image_bgr_u8, drawing.items)], schema, BatchPlan.of_one_size(1, (64, 64)), augment=None
    )
    batch = collate([samples[0]])
    network = MDLA34(head_channels(13, 294)).eval()
    with torch.no_grad():
        sparse, dense = batch_losses(network, batch), dense_losses(network, batch)
    assert sparse.keys() == dense.keys()
    for name, loss in sparse.items():
        assert dense[name].item() == pytest.approx(loss.item(), rel=1e-4), name


@pytest.mark.slow
def test_a_step_learns() -> None:
    step = Step(Arm(62, "dense"), WORK)
    losses = [step() for _ in range(4)]
    assert losses[-1] < losses[0]


def test_arms_take_turns_and_the_first_rounds_do_not_count() -> None:
    order: list[str] = []
    rounds: list[None] = []

    times_ms = time_in_turn(
        [lambda: order.append("a"), lambda: order.append("b")], 3, advance=lambda: rounds.append(None)
    )

    assert order == ["a", "b"] * (WARM_UP + 3)
    assert len(rounds) == WARM_UP + 3
    assert times_ms.shape == (3, 2)
    assert (times_ms > 0).all()


@pytest.mark.slow
def test_each_arm_is_timed_and_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []

    (found,) = compare(WORK, ("sparse",), rounds=2, advance=lambda: calls.append(None))

    assert len(calls) == steps(("sparse",), 2)
    assert (found.grouped.arm, found.single.arm) == (Arm(62, "sparse"), Arm(294, "sparse"))
    for one in (found.grouped, found.single):
        assert one.steps == 2
        assert one.median_ms > 0
        assert one.peak_mib is not None
        assert 100 < one.peak_mib < 20_000  # torch alone takes as much
    assert found.time_interval[0] <= found.time_ratio <= found.time_interval[1]


def _end_at_once(arm: Arm, work: StepWorkload) -> float:
    os._exit(9)


def _nothing(_: Arm, __: StepWorkload) -> Callable[[], None]:
    return lambda: None


@pytest.mark.slow
def test_a_process_that_is_killed_has_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "peak_mib", _end_at_once)
    assert cost._peak_in_child(Arm(62, "sparse"), WORK) is None


def test_a_peak_that_is_not_known_leaves_a_gap_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_peak_in_child", lambda arm, _: None if arm.groups == 294 else 700.0)
    monkeypatch.setattr(cost, "Step", _nothing)

    (found,) = compare(WORK, ("dense",), rounds=2)

    assert (found.grouped.peak_mib, found.single.peak_mib, found.memory_ratio) == (700.0, None, None)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is timed or weighed."""
    monkeypatch.setattr(cost, "_peak_in_child", lambda arm, _: 100.0 * arm.groups)
    monkeypatch.setattr(cost, "Step", _nothing)


Run = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def run(study: Callable[..., Outcome]) -> Run:
    """Run the study; return its JSON, if it was asked for, and what it printed for a reader."""

    def call(*arguments: object) -> tuple[dict[str, Any], str]:
        done = study("grouping", *arguments)
        assert done.code == 0
        return (json.loads(done.out) if "--json" in arguments else {}), done.err

    return call


def test_figure_4_has_a_row_for_each_batch_and_way(run: Run, quick: None) -> None:
    arguments = ("--size", 32, "--batch", 2, "--batch", 3, "--rounds", 2, "--precision", "fp32")
    document, _ = run(*arguments, "--json")
    rows = document["figure_4"]
    assert isinstance(rows, list)
    assert [(row["work"]["batch"], row["regressions"]) for row in rows] == [
        (batch, way) for batch in (2, 3) for way in ("sparse", "dense")
    ]
    assert all(row["memory_ratio"] == pytest.approx(62 / 294) for row in rows)
    assert document["table_1"] == []
    _, printed = run(*arguments, "--no-dense")
    assert "78.9%" in printed
    assert "dense" not in printed.split("the paper:", maxsplit=1)[0].split("regressions", maxsplit=1)[1]


@pytest.mark.slow
def test_two_short_trainings_make_table_1_and_are_not_trained_twice(
    run: Run, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: list[object] = ["--size", 64, "--rounds", 2, "--precision", "fp32", "-o", tmp_path]
    arguments += ["--train", 2, "--train-batch", 2, "--pictures", 4, "--held-out", 3, "--workers", 1]
    first, _ = run(*arguments, "--json")
    rows = first["table_1"]
    assert isinstance(rows, list)
    assert [(row["groups"], row["steps"], row["pictures"]) for row in rows] == [(62, 2, 3), (294, 2, 3)]
    assert all(0 <= row[name] <= 1 for row in rows for name in ("map_pt", "map_box"))
    assert first["paper_table_1"]["mDLA-34"]["62"] == [0.422, 0.651]
    before = {run: (tmp_path / run / "last.pth").stat().st_mtime_ns for run in ("62", "294")}

    again, _ = run(*arguments, "--json")
    assert again["table_1"] == rows
    assert {run: (tmp_path / run / "last.pth").stat().st_mtime_ns for run in before} == before

    (tmp_path / "294" / "last.pth").unlink()
    with pytest.raises(UsageError, match="steps 2, not 3"):
        run(*arguments, "--train", 3)
    with pytest.raises(DataError, match="holds 3 drawings"):
        run(*arguments, "--held-out", 4)
    (tmp_path / "62" / "last.pth").unlink()  # 300 MB that nobody needs


@pytest.mark.slow
def test_both_begin_with_one_body_and_with_fresh_landmark_heads(tmp_path: Path) -> None:
    network = MDLA34(head_channels(13, 62))
    torch.save(network.state_dict(), tmp_path / "init.pth")

    body = accuracy._keep_body(tmp_path / "init.pth", tmp_path / "run" / accuracy.BODY)

    for groups in (62, 294):
        fresh = MDLA34(head_channels(13, groups))
        account = take_weights(fresh, body)
        assert sorted(account.fresh) == ["hm_hp", "hps"]
        assert torch.equal(fresh.state_dict()["wh.2.weight"], network.state_dict()["wh.2.weight"])


def test_init_without_a_training_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--init is where trainings begin"):
        run("--init", tmp_path / "x.pth")


def test_a_batch_must_have_statistics(run: Run) -> None:
    with pytest.raises(UsageError, match="no statistics"):
        run("--size", 32, "--batch", 1)


@pytest.mark.parametrize("arguments", [("--train", "5"), ("-o", "folder")])
def test_a_training_and_its_folder_belong_together(run: Run, arguments: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="--train needs a folder"):
        run(*arguments)


def test_the_papers_values_are_the_papers() -> None:
    assert TABLE_1["mDLA-34"][294] == (0.434, 0.649)
    for both in TABLE_1.values():
        assert both[62][0] < both[294][0]  # "without notable decrease"
        assert both[62][1] == pytest.approx(both[294][1], abs=0.003)
