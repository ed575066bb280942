"""What MNN's settings cost and save: ``python -m deepmark.benchmarks.studies.mnn_setting_costs BUNDLE``.

Every setting runs in a process of its own, all of them in turn. Times are of the network alone.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from deepmark.benchmarks.studies.support.network_child import Footprint, NetworkChild, interleave
from deepmark.console import output_options, print_json, print_table, run, say
from deepmark.extras import require
from deepmark.runtime.engines.mnn import WINOGRAD_LEVELS, Memory, MnnSettings

MEMORY: tuple[Memory, ...] = ("normal", "low")


@dataclass(frozen=True, slots=True)
class SettingCost:
    """A setting with what it takes.

    Attributes:
        settings: of MNN.
        footprint: time and memory.
        ratio: of the median times, to MNN's defaults.
    """

    settings: MnnSettings
    footprint: Footprint
    ratio: float


def measure(model: Path, *, threads: int, rounds: int, runs: int) -> list[SettingCost]:
    """Measure a model in all settings.

    Args:
        model: what `load_engine` takes, with a model for MNN.
        threads: inference threads.
        rounds: in which every setting has its turn.
        runs: of a turn.

    Raises:
        DeepMarkError: psutil is not installed, or the model cannot be run.
    """
    require("measuring memory", "psutil", extra="bench")
    settings = [MnnSettings(level, memory) for memory in MEMORY for level in reversed(WINOGRAD_LEVELS)]
    with ExitStack() as stack:
        children = [stack.enter_context(NetworkChild(model, one, threads)) for one in settings]
        interleave(children, rounds=rounds, runs=runs)
        footprints = [child.footprint for child in children]
    default = footprints[settings.index(MnnSettings())].median_ms
    return [
        SettingCost(one, took, round(took.median_ms / default, 3))
        for one, took in zip(settings, footprints, strict=True)
    ]


@click.command(name="mnn_setting_costs")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Inference threads.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns of every setting.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Runs of a turn.")
@output_options
def command(model: Path, threads: int, rounds: int, runs: int, as_json: bool) -> None:
    """Print time and memory of MODEL at every Winograd level, with normal and with low memory."""
    found = measure(model, threads=threads, rounds=rounds, runs=runs)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            str(one.settings.winograd),
            one.settings.memory,
            f"{one.footprint.median_ms:.1f}",
            f"{one.ratio:.2f}",
            f"{one.footprint.engine_mib:.0f}",
            f"{one.footprint.process_mib:.0f}",
        ]
        for one in found
    ]
    columns = ["Winograd level", "memory", "median ms", "of default", "MNN MiB", "process MiB"]
    print_table(columns, rows, title=f"{model.name}, the network alone, {threads} thread(s)")
    say(f"{found[0].footprint.runs} runs each, in {rounds} interleaved rounds")


if __name__ == "__main__":
    run(command, "python -m deepmark.benchmarks.studies.mnn_setting_costs")
