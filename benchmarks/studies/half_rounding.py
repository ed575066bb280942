"""How far MNN's 16-bit weights are off fp32: cut by its converter, or rounded to the nearest half before.

Converts BUNDLE's ONNX model three times, to fp32 and to fp16 in both ways; runs all three on the same pictures, one
after the other, on one thread, without MNN's fast convolutions (Winograd level 0), whose rounding would hide the rest;
and prints the root mean square of the differences from fp32, for every output of the graph.

Examples:
  python -m deepmark.benchmarks.studies half_rounding build/demo/demo.deepmark models/demo/samples/*.png
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmark.benchmarks.studies.support.arguments import existing_file
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import print_json, print_table, say
from deepmark.errors import DataError
from deepmark.extras import require

WINOGRAD = 0


@dataclass(frozen=True, slots=True)
class HalfDifference:
    """An output of the graph.

    Attributes:
        output: name of the output.
        cut: root mean square of the differences from fp32 with weights as MNN's converter cuts them.
        rounded: root mean square of the differences from fp32 with weights rounded before.
        ratio: ``cut``, divided by ``rounded``.
    """

    output: str
    cut: float
    rounded: float
    ratio: float


def measure(bundle: Path, pictures: Sequence[Path]) -> list[HalfDifference]:
    """Compare both ways to 16 bits with fp32.

    Args:
        bundle: bundle with an ONNX model.
        pictures: picture files, letterboxed to the bundle's own input size.

    Raises:
        DeepMarkError: the bundle has no ONNX model, a picture cannot be read, or a conversion failed.
    """
    from deepmark.exporter.formats import FP16
    from deepmark.exporter.mnn_tool import run_tool
    from deepmark.exporter.to_mnn import CONVERTER, convert_to_mnn
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.engines.mnn import MnnSession, MnnSettings
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.preprocess import normalise
    from deepmark.runtime.transform import letterbox

    model = open_bundle(bundle)
    if "onnxruntime" not in model.weights:
        raise DataError(f"{bundle} has no model.onnx", hint="deepmark export CKPT --to onnx")
    size = (model.manifest.input.height, model.manifest.input.width)
    inputs = [normalise(letterbox(read_picture(path), size)[0], model.manifest.preprocess) for path in pictures]
    with tempfile.TemporaryDirectory(prefix="deepmark-") as name, ExitStack() as stack:
        folder = Path(name)
        source, fp32, cut, rounded = (folder / one for one in ("net.onnx", "fp32.mnn", "cut.mnn", "rounded.mnn"))
        source.write_bytes(model.read(model.weights["onnxruntime"]))
        convert_to_mnn(source, fp32)
        convert_to_mnn(source, rounded, FP16)
        run_tool(CONVERTER, ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(cut), *FP16.flags], folder)
        sessions = [MnnSession(path, 1, MnnSettings(winograd=WINOGRAD)) for path in (fp32, cut, rounded)]
        for session in sessions:
            stack.callback(session.close)
        squares: dict[str, list[tuple[float, float]]] = {}
        for x in inputs:
            expected, *found = [session.run(x) for session in sessions]
            for output, right in expected.items():
                errors = [float(np.mean(np.square(one[output] - right, dtype=np.float64))) for one in found]
                squares.setdefault(output, []).append((errors[0], errors[1]))
    means = {output: np.sqrt(np.mean(pairs, axis=0)) for output, pairs in squares.items()}
    return [
        HalfDifference(output, float(cut), float(round_), float(cut / round_))
        for output, (cut, round_) in means.items()
    ]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="A bundle with an ONNX model.")
    parser.add_argument("pictures", metavar="PICTURES", nargs="+", type=existing_file, help="Pictures to run on.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    require("converting models", "onnx", "MNN", extra="export")
    found = measure(options.bundle, options.pictures)
    if options.as_json:
        print_json(found)
        return
    say(f"{machine_name()}; 1 thread, Winograd level {WINOGRAD}, {len(options.pictures)} pictures")
    rows = [(one.output, f"{one.cut:.1e}", f"{one.rounded:.1e}", f"{one.ratio:.1f}") for one in found]
    print_table(("output", "cut", "rounded", "ratio"), rows, title="Root mean square of differences from fp32")
