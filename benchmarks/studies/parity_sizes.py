"""How far MNN's heads are from the network's own, over input sizes: what the parity tolerance was chosen from.

Runs both on the pictures that `deepmark export` compares on, and prints for every size and head the largest difference
beside the head's largest value. BUNDLE is a dynamic export of CHECKPOINT with an MNN model.

Examples:
  python -m deepmark.benchmarks.studies parity_sizes models/demo/mdla34_synthetic_fp16.pth build/demo/demo.deepmark
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deepmark.console import print_json, print_table

SIZES = (
    *((side, side) for side in (64, 96, 128, 160, 192, 224, 256, 288, 320, 416)),
    *((128, 256), (256, 128), (192, 320), (320, 192), (256, 384), (384, 256)),
)


@dataclass(frozen=True, slots=True)
class HeadDifference:
    """One head at one input size, over all pictures.

    Attributes:
        height: height of the input, in pixels.
        width: width of the input, in pixels.
        head: the head's name.
        error: largest absolute difference between torch and MNN, in the head's unit.
        scale: largest absolute value of the head where that was.
    """

    height: int
    width: int
    head: str
    error: float
    scale: float


def measure(checkpoint: Path, bundle: Path) -> Iterator[HeadDifference]:
    """Compare torch and MNN at all `SIZES`; both on one thread."""
    import msgspec
    import numpy as np

    from deepmark.exporter.pictures import gather_pictures
    from deepmark.exporter.stages import torch_stage
    from deepmark.models import load_checkpoint
    from deepmark.runtime import load_engine
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.preprocess import normalise

    network, model = load_checkpoint(checkpoint).network, open_bundle(bundle)
    spec, preprocess = model.manifest.heads, model.manifest.preprocess
    multiple = model.manifest.input.multiple
    for height, width in SIZES:
        # MNN chooses its algorithms for the size that a session is first prepared for: a fresh one for each.
        size = msgspec.structs.replace(model.manifest.input, height=height, width=width)
        resized = replace(model, manifest=msgspec.structs.replace(model.manifest, input=size))
        worst = dict.fromkeys(spec.channels, (0.0, 0.0))
        with load_engine(resized, threads=1, backend="mnn") as engine, torch_stage(network, spec) as torch_:
            for picture in gather_pictures(None, checkpoint, (height, width), multiple=multiple, dynamic=False):
                x = normalise(picture.image, preprocess)
                expected, found = torch_.run(x), engine.run(x)
                for head in worst:
                    error = float(np.abs(found[head] - expected[head]).max())
                    worst[head] = max(worst[head], (error, float(np.abs(expected[head]).max())))
        for head, (error, scale) in worst.items():
            yield HeadDifference(height, width, head, error, scale)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="A checkpoint.")
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="Its bundle.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    errors = list(measure(options.checkpoint, options.bundle))
    if options.as_json:
        print_json(errors)
        return
    heads = list(dict.fromkeys(one.head for one in errors))
    cells = {(one.height, one.width, one.head): f"{one.error:.1e} of {one.scale:.2g}" for one in errors}
    rows = [[f"{h}x{w}", *(cells[h, w, head] for head in heads)] for h, w in SIZES]
    print_table(["input", *heads], rows, title="Largest difference between torch and MNN, of the head's largest value")
