"""What was measured, beside the paper's own values, which are never to be mixed with ours."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deepmark import console
from deepmark.benchmarks.studies.support.machine import machine_name

if TYPE_CHECKING:
    from deepmark.benchmarks.studies.grouping.accuracy import GroupingAccuracy
    from deepmark.benchmarks.studies.grouping.cost import StepComparison, StepCost
    from deepmark.benchmarks.studies.grouping.step import Groups

TABLE_1: dict[str, dict[Groups, tuple[float, float]]] = {  # backbone -> groups -> mAP_pt, mAP_box on DeepFashion2
    "ResNet-50": {294: (0.377, 0.629), 62: (0.365, 0.627)},
    "mDLA-34": {294: (0.434, 0.649), 62: (0.422, 0.651)},
    "DLA-34": {294: (0.466, 0.679), 62: (0.456, 0.679)},
}
ASKED = ("network", "input", "batch", "regressions")  # columns that say what was measured
TIME_SAVED, MEMORY_SAVED = 0.26, 0.28  # "by up to", section 3.1 on Figure 4: RTX 2080 Ti, 256 x 256, all heads dense


@dataclass(frozen=True, slots=True)
class GroupingReport:
    """What was measured, and on what.

    Attributes:
        machine: processor and system, and the GPU if that computed.
        cores: number of threads that torch used.
        torch: version of torch.
        python: version of Python.
        date: date and time of the end, UTC.
        figure_4: costs, one for each batch and way to compute the regression heads.
        table_1: accuracies, one for each grouping; empty without a training.
        paper_table_1: backbone -> groups -> mAP_pt and mAP_box on DeepFashion2, as the paper has them.
    """

    machine: str
    cores: int
    torch: str
    python: str
    date: str
    figure_4: tuple[StepComparison, ...]
    table_1: tuple[GroupingAccuracy, ...]
    paper_table_1: dict[str, dict[Groups, tuple[float, float]]]


def make_report(
    device: str, compared: tuple[StepComparison, ...], trained: tuple[GroupingAccuracy, ...]
) -> GroupingReport:
    """Put together what was measured.

    Args:
        device: device that computed, ``"cpu"`` or ``"cuda"``.
        compared: costs of a training step.
        trained: accuracies; empty without a training.
    """
    import torch

    gpu = f"; {torch.cuda.get_device_name()}" if device == "cuda" else ""
    return GroupingReport(
        machine=machine_name() + gpu,
        cores=torch.get_num_threads(),
        torch=str(torch.__version__),
        python=platform.python_version(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        figure_4=compared,
        table_1=trained,
        paper_table_1=TABLE_1,
    )


def print_report(report: GroupingReport) -> None:
    """Print the tables for a reader."""
    console.say(f"{report.machine}; {report.cores} threads; torch {report.torch}; {report.date}")
    console.print_table(
        (*ASKED, "62: ms", "294: ms", "time saved", "95 %", "62: MiB", "294: MiB", "saved"),
        [_row(one) for one in report.figure_4],
        title="Figure 4: a training step with 62 groups and with 294 landmarks",
    )
    console.say(
        f"the paper: up to {TIME_SAVED:.0%} of the time and {MEMORY_SAVED:.0%} of the memory saved, dense, on a GPU"
    )
    if not report.table_1:
        return
    by_groups = {one.groups: (one.map_pt, one.map_box) for one in report.table_1}
    steps = report.table_1[0].steps
    rows = [_accuracy_row(f"here, drawn data, {steps:,} steps: mDLA-34", by_groups)]
    rows += [_accuracy_row(f"the paper's, DeepFashion2: {name}", both) for name, both in report.paper_table_1.items()]
    console.print_table(
        ("network", "mAP_pt 294", "mAP_pt 62", "mAP_box 294", "mAP_box 62"),
        rows,
        title="Table 1: accuracy with and without grouping",
    )


def _row(one: StepComparison) -> tuple[str, ...]:
    low, high = one.time_interval
    return (
        one.work.arch,
        str(one.work.size),
        str(one.work.batch),
        one.regressions,
        f"{one.grouped.median_ms:,.0f}",
        f"{one.single.median_ms:,.0f}",
        f"{1 - one.time_ratio:.1%}",
        f"{1 - high:.1%} to {1 - low:.1%}",
        _mib(one.grouped),
        _mib(one.single),
        "-" if one.memory_ratio is None else f"{1 - one.memory_ratio:.1%}",
    )


def _mib(cost: StepCost) -> str:
    return "-" if cost.peak_mib is None else f"{cost.peak_mib:,.0f}"


def _accuracy_row(name: str, by_groups: dict[Groups, tuple[float, float]]) -> tuple[str, ...]:
    return (name, *(f"{by_groups[groups][at]:.3f}" for at in (0, 1) for groups in (294, 62)))
