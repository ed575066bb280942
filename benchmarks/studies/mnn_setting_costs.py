"""What MNN's settings cost and save in time and memory.

Runs MODEL at every Winograd level, with normal and with low memory. Every setting runs in a process of its own, all of
them in turn. Times are of the network alone.

Examples:
  python -m deepmark.benchmarks.studies mnn_setting_costs build/demo/demo.deepmark --rounds 4 --runs 4
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.benchmarks.studies.support.network_child import Footprint, NetworkChild, interleave
from deepmark.console import print_json, print_table, say
from deepmark.extras import require
from deepmark.runtime.engines.mnn import WINOGRAD_LEVELS, Memory, MnnSettings

MEMORY: tuple[Memory, ...] = ("normal", "low")


@dataclass(frozen=True, slots=True)
class SettingCost:
    """A setting with what it takes.

    Attributes:
        settings: MNN's settings.
        footprint: time and memory.
        ratio: median time, divided by that with MNN's defaults.
    """

    settings: MnnSettings
    footprint: Footprint
    ratio: float


def measure(model: Path, *, threads: int, rounds: int, runs: int) -> list[SettingCost]:
    """Measure a model in all settings.

    Args:
        model: what `load_engine` takes, with a model for MNN.
        threads: inference threads.
        rounds: number of rounds; every setting has its turn in each.
        runs: number of runs in a turn.

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


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="A bundle or model for MNN.")
    add_count(parser, "--threads", 1, "Inference threads.")
    add_count(parser, "--rounds", 5, "Turns of every setting.")
    add_count(parser, "--runs", 5, "Runs of a turn.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    found = measure(options.model, threads=options.threads, rounds=options.rounds, runs=options.runs)
    if options.as_json:
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
    print_table(columns, rows, title=f"{options.model.name}, the network alone, {options.threads} thread(s)")
    say(f"{found[0].footprint.runs} runs each, in {options.rounds} interleaved rounds")
