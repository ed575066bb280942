"""What each precision costs and saves.

Exports CHECKPOINT to MNN in every precision, whatever it costs; runs all of them in turn, each in a process of its own;
and measures kept objects, mAP_pt and mAP_box on the same pictures.

Examples:
  python -m deepmark.benchmarks.studies precision_costs models/demo/mdla34_synthetic_fp16.pth --size 128
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.benchmarks.studies.support.exports import add_export_arguments, export_at_any_cost
from deepmark.benchmarks.studies.support.network_child import Footprint, NetworkChild, interleave
from deepmark.console import print_json, print_table, say
from deepmark.exporter.formats import PRECISIONS
from deepmark.extras import require
from deepmark.runtime.engines.mnn import MnnSettings
from deepmark.runtime.provenance import Quantisation

if TYPE_CHECKING:
    from deepmark.models.evaluation.drawn_accuracy import Accuracy
    from deepmark.runtime.engines.engine import Engine

LOW = MnnSettings(memory="low")


@dataclass(frozen=True, slots=True)
class PrecisionCost:
    """A row of the table.

    Attributes:
        precision: name of the model's precision.
        settings: MNN's settings.
        file_bytes: size of the model file.
        footprint: time and memory.
        ratio: median time, divided by that of fp32.
        points: mAP_pt, in [0, 1].
        boxes: mAP_box, in [0, 1].
        quantisation: what the model's manifest says of it; None for fp32.
    """

    precision: str
    settings: MnnSettings
    file_bytes: int
    footprint: Footprint
    ratio: float
    points: float
    boxes: float
    quantisation: Quantisation | None


def measure(
    checkpoint: Path,
    *,
    size: tuple[int, int],
    heads: str,
    calibration: Path | None,
    pictures: int,
    rounds: int,
    runs: int,
) -> list[PrecisionCost]:
    """Export and measure every precision, on one thread; 8-bit weights with low memory, too.

    Args:
        checkpoint: what `load_checkpoint` takes.
        size: height and width of the network's input, in pixels.
        heads: layout of the graph, ``"dense"`` or ``"sparse"``.
        calibration: folder of pictures for int8; None for drawings.
        pictures: number of drawings to measure accuracy on.
        rounds: number of rounds; every precision has its turn in each.
        runs: number of runs in a turn.

    Raises:
        DeepMarkError: a library is missing, or an export failed.
    """
    from deepmark.runtime.bundle import MODEL_FILES, open_bundle

    require("measuring memory and accuracy", "psutil", "hotcoco", extra="bench,eval")
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        bundles = {
            str(name): export_at_any_cost(
                checkpoint,
                Path(folder),
                name,
                size=size,
                heads=heads,
                calibration=calibration if precision.calibrated else None,
            )
            for name, precision in PRECISIONS.items()
        }
        contestants = [(name, MnnSettings()) for name in bundles]
        contestants.insert(contestants.index(("w8", MnnSettings())) + 1, ("w8", LOW))
        say("running them in turn")
        footprints = _run([(bundles[name], settings) for name, settings in contestants], rounds, runs)
        accuracies = _accuracies([(bundles[name], settings) for name, settings in contestants], pictures)
        models = {name: open_bundle(path) for name, path in bundles.items()}
    return [
        PrecisionCost(
            precision=name,
            settings=settings,
            file_bytes=models[name].entries[MODEL_FILES["mnn"]].bytes,
            footprint=took,
            ratio=round(took.median_ms / footprints[0].median_ms, 3),
            points=accuracy.points,
            boxes=accuracy.boxes,
            quantisation=models[name].manifest.quantisation,
        )
        for (name, settings), took, accuracy in zip(contestants, footprints, accuracies, strict=True)
    ]


def _run(contestants: Sequence[tuple[Path, MnnSettings]], rounds: int, runs: int) -> list[Footprint]:
    with ExitStack() as stack:
        children = [stack.enter_context(NetworkChild(path, settings, threads=1)) for path, settings in contestants]
        interleave(children, rounds=rounds, runs=runs)
        return [child.footprint for child in children]


def _accuracies(contestants: Sequence[tuple[Path, MnnSettings]], pictures: int) -> Sequence[Accuracy]:
    from deepmark.models.evaluation.drawn_accuracy import DrawnAccuracy
    from deepmark.runtime.engines.loading import load_engine

    with ExitStack() as stack:
        engines: list[Engine] = [
            stack.enter_context(load_engine(path, 1, "mnn", winograd=one.winograd, memory=one.memory))
            for path, one in contestants
        ]
        return DrawnAccuracy(pictures)(engines, say)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    add_export_arguments(parser, size="256")
    parser.add_argument("--calibration", metavar="DIR", type=Path, help="Pictures for int8.  [default: drawings]")
    add_count(parser, "--pictures", 500, "Drawings for accuracy.")
    add_count(parser, "--rounds", 5, "Turns of every precision.")
    add_count(parser, "--runs", 5, "Runs of a turn.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    from deepmark.models.size import parse_size

    found = measure(
        options.checkpoint,
        size=parse_size(options.size),
        heads=options.heads,
        calibration=options.calibration,
        pictures=options.pictures,
        rounds=options.rounds,
        runs=options.runs,
    )
    if options.as_json:
        print_json(found)
        return
    columns = ["precision", "memory", "file MB", "MNN MiB", "process MiB", "time of fp32", "objects kept", "landmarks"]
    title = f"{options.checkpoint.name} at {options.size}"
    print_table([*columns, "mAP_pt", "mAP_box"], [_row(one) for one in found], title=title)
    say(
        f"network alone, 1 thread, {found[0].footprint.runs} interleaved runs each; mAP on {options.pictures} drawings;"
    )
    say("objects kept and their landmarks (mean, cells) as the export judged them, with normal memory")


def _row(one: PrecisionCost) -> list[str]:
    loss = one.quantisation.loss if one.quantisation and one.settings != LOW else None
    return [
        one.precision,
        one.settings.memory,
        f"{one.file_bytes / 1e6:.2f}",
        f"{one.footprint.engine_mib:.0f}",
        f"{one.footprint.process_mib:.0f}",
        f"{one.ratio:.2f}",
        f"{loss.kept:.1%}" if loss else "-",
        f"{loss.landmark_error:.3f}" if loss else "-",
        f"{one.points:.4f}",
        f"{one.boxes:.4f}",
    ]
