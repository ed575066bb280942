"""What a refiner gains on a detector's own detections, and whether it is the picture that it gains from.

Draws pictures that no training draws, looks for garments in each with DETECTOR, and moves their landmarks with REFINER.
Measured are the detections as they were found, refined, and refined in two controls that must not help: in a grey
picture, and in the picture of other garments. Intervals are of a paired bootstrap over pictures. Then drawn garments
with synthesised errors, and with none, are refined: mean OKS of their landmarks before and after.

Examples:
  python -m deepmark.benchmarks.studies refinement demo.deepmark refiner.deepmark --count 1000
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.studies.support.arguments import add_count, existing_path, integer
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import print_json, print_table, progress, say

if TYPE_CHECKING:
    from deepmark.models.datasets.drawings import DrawnItem
    from deepmark.models.evaluation.results import ClassResults
    from deepmark.models.evaluation.truth import Truth
    from deepmark.runtime.arrays import Image8
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.refinement.refiner import Refiner
    from deepmark.runtime.refinement.refiner_bundle import OpenedRefiner

SEED, SIDE = 900_001, 256  # of the drawings; the seed is `held_out_set.SEED`
GAIN, CLASS_LOSS = 0.010, 0.010  # mAP_pt that a gain has at least, AP_pt that no class may lose
WAYS = ("found", "refined", "grey picture", "other picture")
_GREY = 128
_BOOTSTRAP_SEED = 1


@dataclass(frozen=True, slots=True)
class Refined:
    """One way to treat the detections.

    Attributes:
        way: one of `WAYS`.
        points: mAP_pt.
        boxes: mAP_box.
        low: lower end of the 95 % interval of the difference in mAP_pt to what was found; 0 for that itself.
        high: upper end of it.
        classes: AP_pt of each class that occurs, by name.
    """

    way: str
    points: float
    boxes: float
    low: float
    high: float
    classes: dict[str, float]


@dataclass(frozen=True, slots=True)
class SynthesisedErrors:
    """Mean OKS of the landmarks of drawn garments, before and after.

    Attributes:
        objects: number of garments.
        before: with synthesised errors.
        after: those refined.
        truth_after: the truth itself, refined.
    """

    objects: int
    before: float
    after: float
    truth_after: float


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("detector", metavar="DETECTOR", type=existing_path, help="Bundle of the detector.")
    parser.add_argument("refiner", metavar="REFINER", type=existing_path, nargs="+", help="Bundle of the refiner.")
    add_count(parser, "--count", 1000, "Drawings.")
    add_count(parser, "--objects", 300, "Drawn garments with synthesised errors.")
    parser.add_argument("--seed", type=integer(0), default=SEED, help=f"Seed of the drawings.  [default: {SEED}]")
    parser.add_argument("--flip", action="store_true", help="Refine in the mirror image too.")
    parser.add_argument("--threads", type=integer(1), default=1, help="Inference threads.  [default: 1]")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.refinement.refiner import Refiner
    from deepmark.runtime.refinement.refiner_bundle import open_refiner

    opened = [open_refiner(one) for one in options.refiner]
    with Refiner(opened, threads=options.threads, flip=options.flip) as refiner:
        detector = Detector(options.detector, threads=options.threads)
        refiner.require_schema(detector.schema, str(options.detector))
        start = time.perf_counter()
        rows = measure_refinement(detector, refiner, options.count, options.seed)
        seconds = time.perf_counter() - start
    synthesised = measure_synthesised(opened[0], options.objects, options.seed, threads=options.threads)
    counts = is_gain(rows)
    if options.as_json:
        figures = {"rows": rows, "synthesised": synthesised, "gain": counts, "seconds": round(seconds)}
        print_json({"machine": machine_name(), "pictures": options.count, **figures})
        return
    print_table(
        ("detections", "mAP_pt", "difference", "95 %", "mAP_box"),
        [
            (
                one.way,
                f"{one.points:.4f}",
                f"{one.points - rows[0].points:+.4f}",
                f"{one.low:+.4f} to {one.high:+.4f}",
                f"{one.boxes:.4f}",
            )
            for one in rows
        ],
    )
    names = rows[0].classes
    print_table(("class", *WAYS), [(name, *(f"{one.classes[name]:.4f}" for one in rows)) for name in names])
    say(
        f"synthesised errors on {synthesised.objects} garments: mean OKS {synthesised.before:.3f} ->"
        f" {synthesised.after:.3f}; the truth itself -> {synthesised.truth_after:.3f}"
    )
    say(f"{options.count} pictures, {seconds:.0f} s, {machine_name()}; this {'is' if counts else 'is no'} gain")


def is_gain(rows: Sequence[Refined]) -> bool:
    """Tell whether a refiner may be called one: landmarks gain, surely, in no class at a loss, and not by themselves.

    A control shows a gain where its interval lies above 0.
    """
    found, refined, *controls = rows
    return (
        refined.points - found.points >= GAIN
        and refined.low > 0
        and all(refined.classes[name] - before > -CLASS_LOSS for name, before in found.classes.items())
        and all(one.low <= 0 for one in controls)
    )


def measure_refinement(detector: Detector, refiner: Refiner, count: int, seed: int) -> list[Refined]:
    """Measure detections on drawings in each of `WAYS`, in this order.

    Args:
        detector: loaded detector.
        refiner: loaded refiner.
        count: number of drawings.
        seed: seed of the drawings.
    """
    from deepmark.models.datasets.deepfashion2 import open_dataset
    from deepmark.models.datasets.drawings.dataset import write_dataset
    from deepmark.models.evaluation.metric import require_hotcoco
    from deepmark.models.evaluation.results import ResultsBuilder
    from deepmark.models.evaluation.truth import collect_truth
    from deepmark.runtime.media.picture_file import decode_picture

    require_hotcoco()
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        root = Path(folder) / "drawings"
        with progress("drawing", count, "pictures") as advance:
            write_dataset(root, count=count, seed=seed, size=SIDE, workers=1, advance=advance)
        dataset = open_dataset(root, root)
        truth = collect_truth(dataset.read_all().annotations, dataset.schema)
        builders = [ResultsBuilder(truth.schema) for _ in WAYS]

        def picture(image_id: int) -> Image8:
            content, source = dataset.picture(image_id)
            return decode_picture(content, source=source)

        others = np.roll(truth.image_ids, -1).tolist()
        with progress("refining", count, "pictures") as advance:
            for image_id, other in zip(truth.image_ids, others, strict=True):
                image = picture(image_id)
                found = detector(image)
                seen = (image, np.full_like(image, _GREY), picture(other))
                for builder, result in zip(builders, (found, *(refiner(shown, found) for shown in seen)), strict=True):
                    builder.add_detections(image_id, result)
                advance()
        return _compare(truth, [one.build() for one in builders])


def _compare(truth: Truth, results: Sequence[tuple[ClassResults, ...]]) -> list[Refined]:
    from deepmark.models.evaluation.gains import resampled
    from deepmark.models.evaluation.report import measure

    rows = []
    before = None
    for way, one in zip(WAYS, results, strict=True):
        measured = resampled(truth, one, seed=_BOOTSTRAP_SEED)
        before = before or measured
        gain = measured["keypoints"].over(before["keypoints"])
        classes = {row.name: round(row.points.ap, 5) for row in measure(truth, one).classes if row.points is not None}
        rows.append(
            Refined(
                way=way,
                points=round(gain.after, 5),
                boxes=round(measured["bbox"].average.ap, 5),
                low=round(gain.low, 5),
                high=round(gain.high, 5),
                classes=classes,
            )
        )
    return rows


def measure_synthesised(opened: OpenedRefiner, objects: int, seed: int, *, threads: int) -> SynthesisedErrors:
    """Refine drawn garments with synthesised errors, and with none.

    Args:
        opened: bundle of the refiner.
        objects: number of garments.
        seed: seed of the drawings and the errors.
        threads: number of threads to compute with.
    """
    from deepmark.models.datasets.drawings import draw
    from deepmark.models.refiner.samples import RefinerSamples
    from deepmark.runtime.refinement.refiner_engine import load_refiner_engine

    class Drawings:
        def __len__(self) -> int:
            return objects

        def __getitem__(self, index: int) -> tuple[Image8, Sequence[DrawnItem]]:
            drawing = draw(seed, index + 1, SIDE)
            return drawing.image_bgr_u8, drawing.items

    manifest, similarities = opened.manifest, []
    size = manifest.input.height, manifest.input.width
    samples = RefinerSamples(
        Drawings(), manifest.keypoints, manifest.channels, manifest.num_channels, size, seed, augment=None
    )
    with (
        load_refiner_engine(opened, threads) as engine,
        progress("refining synthesised errors", objects, "garments") as advance,
    ):
        for number in range(objects):
            one = samples[number]
            known = one.pose.copy()
            known[one.counts, :2] = one.truth[one.counts]
            tries = (one.pose[:, :2], engine.points(one.image, one.pose), engine.points(one.image, known))
            squared = [np.square(points - one.truth).sum(axis=1)[one.counts] for points in tries]
            if one.counts.any():
                similarities.append([np.exp(-far / (2 * one.radius[one.counts] ** 2)).mean() for far in squared])
            advance()
    before, after, truth_after = np.mean(similarities, axis=0).round(4).tolist()
    return SynthesisedErrors(len(similarities), before, after, truth_after)
