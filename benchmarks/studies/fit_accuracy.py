"""What an input of each picture's own shape (``--fit rect``) costs in accuracy, beside the square one.

Draws held-out pictures of 3:4 and of 9:16, upright and lying in equal parts, and looks at all of them twice with each
model. Intervals are of the difference: pictures are drawn again, the same for both (paired bootstrap). A loss of
at most .005 in both mAPs counts as none.

Drawings and the network's outputs are kept in DIR, so that a run that was ended goes on where it was.

Examples:
  python -m deepmark.benchmarks.studies fit_accuracy build/demo/demo.deepmark -o build/fits
  python -m deepmark.benchmarks.studies fit_accuracy small.deepmark large.deepmark -o build/fits --pictures 1000 --json
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.benchmarks.studies.support.arguments import add_count, existing_path
from deepmark.console import print_json, print_table, progress, say

if TYPE_CHECKING:
    from deepmark.models.datasets.deepfashion2 import Dataset
    from deepmark.models.evaluation.gains import Gain
    from deepmark.models.evaluation.heads_job import ModelRequest
    from deepmark.models.evaluation.truth import Truth

MOST_LOSS = 0.005  # in either mAP
SIDE = 256  # longer side of the drawings, pixels
_BOOTSTRAP_SEED = 1


@dataclass(frozen=True, slots=True)
class FitLoss:
    """One model on pictures of one shape; gains are of rect over square.

    Attributes:
        model: file name of the model.
        size: height and width of its own input, in pixels.
        shape: shorter to longer side, such as ``"3:4"``.
        pictures: number of pictures.
        points: gain in mAP_pt.
        boxes: gain in mAP_box.
    """

    model: str
    size: tuple[int, int]
    shape: str
    pictures: int
    points: Gain
    boxes: Gain

    @property
    def is_small(self) -> bool:
        """Whether neither mAP loses more than `MOST_LOSS`."""
        return min(self.points.difference, self.boxes.difference) >= -MOST_LOSS


def measure(models: Sequence[Path], folder: Path, *, pictures: int, workers: int) -> Iterator[FitLoss]:
    """Measure models on pictures of each shape.

    Args:
        models: bundles of landmark models for all sizes.
        folder: folder for drawings and the network's outputs.
        pictures: least number of pictures of each shape.
        workers: number of processes that draw.

    Raises:
        DeepMarkError: a model cannot be run with either fit, or the folder holds other drawings.
    """
    from deepmark.models.datasets.deepfashion2 import open_dataset
    from deepmark.models.datasets.drawings.canvas import MIXED_SHAPES
    from deepmark.models.datasets.drawings.held_out_set import SEED, DrawnSet, draw_held_out
    from deepmark.models.evaluation.heads_job import ModelRequest
    from deepmark.models.evaluation.metric import require_hotcoco
    from deepmark.models.evaluation.truth import collect_truth

    require_hotcoco()
    count = -(-pictures // 2) * len(MIXED_SHAPES)
    with progress("drawing", count, "pictures") as advance:
        drawn = DrawnSet(SEED, SIDE, count, mixed=True)
        draw_held_out(folder / "drawings", drawn, workers=workers, advance=advance)
    dataset = open_dataset(folder / "drawings", folder / "drawings")
    labels = dataset.read_all()
    shapes = [_shape(size[:2]) for size in labels.sizes if size]
    for model in models:
        for shape in ("3:4", "9:16"):
            chosen = [one for one, own in zip(labels.annotations, shapes, strict=True) if own == shape]
            truth = collect_truth(chosen, dataset.schema)
            yield _compare(ModelRequest(model.resolve()), dataset, truth, shape, folder)


def _shape(hw: Sequence[int]) -> str:
    """Name a shape by its shorter and longer side, in lowest terms."""
    short, long = sorted(hw)
    divisor = gcd(short, long)
    return f"{short // divisor}:{long // divisor}"


def _compare(model: ModelRequest, dataset: Dataset, truth: Truth, shape: str, folder: Path) -> FitLoss:
    from deepmark.models.evaluation.gains import resampled
    from deepmark.models.evaluation.heads_job import PictureFiles
    from deepmark.models.evaluation.prediction import detect_all
    from deepmark.models.evaluation.store import Spread, collect_heads
    from deepmark.runtime.input_fit import FITS
    from deepmark.runtime.multi_inference import MultiInference

    files = PictureFiles.of(dataset, folder / "drawings", truth.image_ids)
    found = {}
    with ExitStack() as stores:
        for fit in FITS:
            store = stores.enter_context(
                collect_heads(
                    model,
                    files,
                    inference=MultiInference(fit=fit),
                    spread=Spread(threads=1),
                    cache=folder / "heads",
                    progress=progress,
                )
            )
            results = detect_all(store, truth.schema, store.manifest.decoder)
            found[fit] = resampled(truth, results, seed=_BOOTSTRAP_SEED, progress=progress)
            size = (store.manifest.input.height, store.manifest.input.width)
    points, boxes = (found["rect"][kind].over(found["square"][kind]) for kind in ("keypoints", "bbox"))
    return FitLoss(model.path.name, size, shape, len(files.files), points, boxes)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("models", metavar="MODEL", type=existing_path, nargs="+", help="Bundles of landmark models.")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="Folder that keeps drawings and outputs."
    )
    add_count(parser, "--pictures", 500, "Least number of pictures of each shape.")


def run(options: Namespace) -> None:
    """Measure, and print what was found with the verdict."""
    losses = []
    for loss in measure(options.models, options.output, pictures=options.pictures, workers=os.cpu_count() or 1):
        say(f"{loss.model} at {loss.shape}: mAP_pt {_change(loss.points)}, mAP_box {_change(loss.boxes)}")
        losses.append(loss)
    if options.as_json:
        print_json({"losses": losses, "most_loss": MOST_LOSS, "small": all(loss.is_small for loss in losses)})
        return
    rows = [
        [loss.model, f"{loss.size[0]}x{loss.size[1]}", loss.shape, f"{loss.pictures}", *_cells(loss)] for loss in losses
    ]
    columns = [
        "model",
        "input",
        "shape",
        "pictures",
        "mAP_pt square",
        "rect",
        "change",
        "mAP_box square",
        "rect",
        "change",
    ]
    print_table(columns, rows, title="Accuracy of rect beside square; 95 % intervals of the change")
    worst = min(min(loss.points.difference, loss.boxes.difference) for loss in losses)
    verdict = "no more than" if worst >= -MOST_LOSS else "more than"
    say(f"rect loses {verdict} {MOST_LOSS:g} of either mAP: the worst change is {worst:+.4f}")


def _cells(loss: FitLoss) -> list[str]:
    return [
        text
        for gain in (loss.points, loss.boxes)
        for text in (f"{gain.before:.4f}", f"{gain.after:.4f}", _change(gain))
    ]


def _change(gain: Gain) -> str:
    return f"{gain.difference:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
