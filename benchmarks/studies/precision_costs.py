"""What each precision costs and saves: ``python -m deepmark.benchmarks.studies.precision_costs CHECKPOINT``.

Exports the network to MNN in every precision, whatever it costs; runs all of them in turn, each in a process of its
own; and measures objects, mAP_pt and mAP_box on the same pictures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepmark.benchmarks.studies.support.network_child import Footprint, NetworkChild, interleave
from deepmark.console import output_options, print_json, print_table, run, say
from deepmark.exporter.formats import PRECISIONS
from deepmark.extras import require
from deepmark.runtime.engines.mnn import MnnSettings
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT, LAYOUTS
from deepmark.runtime.provenance import Quantisation

if TYPE_CHECKING:
    from deepmark.models.evaluation.drawn_accuracy import Accuracy
    from deepmark.runtime.engines.engine import Engine

LOW = MnnSettings(memory="low")


@dataclass(frozen=True, slots=True)
class PrecisionCost:
    """A row of the table.

    Attributes:
        precision: of the model.
        settings: of MNN.
        file_bytes: of the model file.
        footprint: time and memory.
        ratio: of the median times, to fp32's.
        points: mAP_pt.
        boxes: mAP_box.
        quantisation: what its manifest says; None for fp32.
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
        size: height, width of the network's input, pixels.
        heads: layout of the graph.
        calibration: folder of pictures for int8; None for drawings.
        pictures: drawings to measure accuracy on.
        rounds: in which every precision has its turn.
        runs: of a turn.

    Raises:
        DeepMarkError: a library is missing, or an export failed.
    """
    from deepmark.exporter.pipeline import export
    from deepmark.exporter.precision.plan import Limits
    from deepmark.runtime.bundle import MODEL_FILES, open_bundle

    require("measuring memory and accuracy", "psutil", "hotcoco", extra="bench,eval")
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        bundles = {}
        for name, precision in PRECISIONS.items():
            say(f"exporting in {name}")
            given = calibration if precision.calibrated else None
            bundles[str(name)] = export(
                checkpoint,
                output=folder,
                name=f"network-{name}",
                size=size,
                heads=heads,
                precision=name,
                calibration=given,
                limits=Limits(min_kept=0),
            ).path
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


@click.command(name="precision_costs")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--size", metavar="N|HxW", default="256", show_default=True, help="Input size, pixels.")
@click.option("--heads", type=click.Choice(list(LAYOUTS)), default=DEFAULT_LAYOUT, show_default=True, help="Layout.")
@click.option("--calibration", metavar="DIR", type=click.Path(path_type=Path), help="For int8.  [default: drawings]")
@click.option("--pictures", type=click.IntRange(1), default=500, show_default=True, help="Drawings for accuracy.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns of every precision.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Runs of a turn.")
@output_options
def command(
    checkpoint: Path,
    size: str,
    heads: str,
    calibration: Path | None,
    pictures: int,
    rounds: int,
    runs: int,
    as_json: bool,
) -> None:
    """Export CHECKPOINT in every precision and print what each costs and saves."""
    from deepmark.models.size import parse_size

    found = measure(
        checkpoint,
        size=parse_size(size),
        heads=heads,
        calibration=calibration,
        pictures=pictures,
        rounds=rounds,
        runs=runs,
    )
    if as_json:
        print_json(found)
        return
    columns = ["precision", "memory", "file MB", "MNN MiB", "process MiB", "time of fp32", "objects kept", "landmarks"]
    print_table([*columns, "mAP_pt", "mAP_box"], [_row(one) for one in found], title=f"{checkpoint.name} at {size}")
    say(f"network alone, 1 thread, {found[0].footprint.runs} interleaved runs each; mAP on {pictures} drawings;")
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


if __name__ == "__main__":
    run(command, "python -m deepmark.benchmarks.studies.precision_costs")
