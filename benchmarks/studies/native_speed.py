"""How much faster the C++ runtime is than Python on this computer.

Python and dm_bench take turns on the same pictures, the order changing from round to round, each with one thread. The
ratio is of the medians of all runs: of letterbox, network, decoder and whole frame.

Examples:
  python -m deepmark.benchmarks.studies native_speed shirt.deepmark models/demo/samples/*.png --rounds 4 --runs 16
"""

from __future__ import annotations

import itertools
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmark.benchmarks.studies.support.arguments import add_count, existing_folder, existing_path, real
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.console import print_json, print_table
from deepmark.errors import EngineError
from deepmark.runtime.decoding.params import SHOWN_SCORE

if TYPE_CHECKING:
    from deepmark.runtime.native import NativeBuild

PARTS = ("letterbox", "network", "decode", "frame")


@dataclass(frozen=True, slots=True)
class PartSpeed:
    """One part of a frame in Python and in C++.

    Attributes:
        part: name out of `PARTS`.
        python_ms: median time in Python, in milliseconds.
        native_ms: median time in C++, in milliseconds.
        ratio: time in Python, divided by that in C++.
        runs: number of runs of each side.
    """

    part: str
    python_ms: float
    native_ms: float
    ratio: float
    runs: int


def compare(
    bundle: Path, pictures: Sequence[Path], *, rounds: int, runs: int, threshold: float
) -> tuple[PartSpeed, ...]:
    """Time both sides.

    Args:
        bundle: an unpacked bundle with a model for MNN.
        pictures: files to take in turn.
        rounds: number of turns of each side.
        runs: number of frames a turn, after a warm-up of the same pictures.
        threshold: floor of an object's final score; 0 decodes everything.

    Raises:
        EngineError: a tool to build with is missing, or the program failed.
    """
    import numpy as np

    from deepmark.benchmarks.speed.samples import write_ppm_files
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.native import build_native

    build = build_native("host")
    images = [read_picture(path) for path in pictures]
    python = _PythonSide(bundle, images, threshold)
    samples: dict[str, dict[str, list[float]]] = {side: {part: [] for part in PARTS} for side in ("python", "native")}
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        shown = Path(folder) / "pictures"
        write_ppm_files(images, shown)
        words = [str(bundle.resolve()), "--pictures", str(shown), "--threads", "1"]
        words += ["--runs", str(runs), "--warm-up-runs", str(len(images)), "--threshold", str(threshold)]
        for turn in range(rounds):
            for side in turns(("native", "python"), turn):
                found = python.run(runs) if side == "python" else _native_turn(build, words)
                for part in PARTS:
                    samples[side][part] += found[part]
    medians = {
        side: {part: float(np.median(values)) for part, values in parts.items()} for side, parts in samples.items()
    }
    return tuple(
        PartSpeed(
            part,
            round(medians["python"][part], 3),
            round(medians["native"][part], 3),
            round(medians["python"][part] / medians["native"][part], 3),
            rounds * runs,
        )
        for part in PARTS
    )


class _PythonSide:
    def __init__(self, bundle: Path, images: Sequence[Any], threshold: float) -> None:
        from deepmark.runtime import Detector
        from deepmark.runtime.engines.loading import load_engine

        engine = load_engine(bundle, threads=1, backend="mnn")
        self._detector = Detector(engine, params=replace(engine.manifest.decoder, score_threshold=threshold))
        self._images = images
        for image in images:
            self._detector(image)

    def run(self, runs: int) -> dict[str, list[float]]:
        from deepmark.runtime import letterbox
        from deepmark.runtime.detector import detect_in_picture
        from deepmark.runtime.placed_heads import PlacedHeads

        detector, size = self._detector, self._detector.engine.manifest.input
        found: dict[str, list[float]] = {part: [] for part in PARTS}
        for number in range(runs):
            image = self._images[number % len(self._images)]
            marks = [time.perf_counter()]
            warped, transform = letterbox(image, (size.height, size.width))
            marks.append(time.perf_counter())
            heads = detector.engine.heads(warped)
            marks.append(time.perf_counter())
            detect_in_picture([PlacedHeads(heads, transform)], detector.schema, detector.params)
            marks.append(time.perf_counter())
            steps = [1000 * (after - before) for before, after in itertools.pairwise(marks)]
            for part, took in zip(PARTS, [*steps, sum(steps)], strict=True):
                found[part].append(took)
        return found


def _native_turn(build: NativeBuild, words: Sequence[str]) -> dict[str, list[float]]:
    from deepmark.runtime.native.program import run_program

    _, lines = run_program(build, "dm_bench", words)
    if lines[-1]["event"] == "error":
        raise EngineError(f"dm_bench: {lines[-1]['message']}", hint=lines[-1]["hint"])
    samples = [line for line in lines if line["event"] == "sample"]
    found = {part: [float(one[f"{part}_ms"]) for one in samples] for part in PARTS[:-1]}
    found["frame"] = [sum(steps) for steps in zip(*found.values(), strict=True)]
    return found


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument(
        "bundle", metavar="BUNDLE", type=existing_folder, help="An unpacked bundle with a model for MNN."
    )
    parser.add_argument("pictures", metavar="PICTURES", type=existing_path, nargs="+", help="Pictures.")
    add_count(parser, "--rounds", 4, "Turns of each side.")
    add_count(parser, "--runs", 16, "Frames a turn.")
    parser.add_argument(
        "--threshold",
        type=real(0, 1),
        metavar="X",
        default=SHOWN_SCORE,
        help="Floor of an object's final score, as of detect; 0 decodes everything.  [default: %(default)s]",
    )


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    found = compare(
        options.bundle, options.pictures, rounds=options.rounds, runs=options.runs, threshold=options.threshold
    )
    if options.as_json:
        print_json(found)
        return
    rows = [(one.part, f"{one.python_ms:.3f}", f"{one.native_ms:.3f}", f"{one.ratio:.2f}") for one in found]
    print_table(("part", "Python ms", "C++ ms", "ratio"), rows)
