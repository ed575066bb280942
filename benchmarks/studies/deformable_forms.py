"""What trained deformable convolutions cost, beside the same network with plain ones.

Takes CHECKPOINT's network, a twin with a plain convolution for each deformable one, and every form that the layer has
in a file: ONNX's own operator, and what stands for it for other engines and for MNN. All of them run in turn, in MNN
and in ONNX Runtime, the network alone. Ratios are of processor time, so that others' work on the machine does not
count; the shortest times stand beside them.

Examples:
  python -m deepmark.benchmarks.studies deformable_forms multi_pose_dla_3x.pth --sizes 128 256 --levels 3 0
"""

from __future__ import annotations

import copy
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.studies.support.arguments import add_count, integer
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.benchmarks.studies.support.turn_times import time_in_turns
from deepmark.console import print_json, print_table, say
from deepmark.errors import DataError
from deepmark.extras import require
from deepmark.runtime.arrays import F32
from deepmark.runtime.keypoints.head_names import FEATURES, LAYOUTS

if TYPE_CHECKING:
    from torch import nn

    from deepmark.runtime.engines.engine import Session

SWAP = "plain convolutions"
SPARSE = ("hm", "hm_hp", FEATURES)
SEED = 0


@dataclass(frozen=True, slots=True)
class FormCost:
    """One form in one engine.

    Attributes:
        size: side of the input, in pixels.
        engine: name of the engine, with MNN's Winograd level.
        form: what stands for the deformable convolutions.
        processor_ms: median processor time of a run, in milliseconds.
        shortest_ms: shortest time of a run, in milliseconds.
        ratio: median processor time, divided by that of the twin in the same engine and at the same level.
        interval: lower and upper end of the ratio's 95 % bootstrap interval over the rounds.
        of_mnn: median processor time, divided by that of MNN's own form at the first level.
        memory_mib: memory of the session by MNN's own count, in MiB; None for another engine.
        error: largest difference from ONNX Runtime's operator, as a part of a tensor's largest value; None for a twin.
    """

    size: int
    engine: str
    form: str
    processor_ms: float
    shortest_ms: float
    ratio: float
    interval: tuple[float, float]
    of_mnn: float
    memory_mib: float | None
    error: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Runner:
    engine: str
    form: str
    session: Session

    def run(self, x: F32) -> dict[str, F32]:
        return self.session.run(x)


def plain_twin(network: nn.Module) -> nn.Module:
    """Return a copy of a network whose deformable convolutions are plain ones with the same weights.

    Raises:
        DataError: it has none.
    """
    from torch import nn

    from deepmark.models.deformable import DeformableConv2d

    twin = copy.deepcopy(network)
    places = [name for name, module in twin.named_modules() if isinstance(module, DeformableConv2d)]
    if not places:
        raise DataError("the network has no deformable convolutions", hint="give a checkpoint of one that has")
    for place in places:
        layer = twin.get_submodule(place)
        assert isinstance(layer, DeformableConv2d)
        cout, cin = layer.weight.shape[:2]
        plain = nn.Conv2d(cin, cout, 3, padding=1)
        plain.weight, plain.bias = layer.weight, layer.bias
        twin.set_submodule(place, plain)
    return twin.eval().requires_grad_(False)


def measure(
    checkpoint: Path, *, sizes: Sequence[int], levels: Sequence[int], heads: str, threads: int, rounds: int
) -> list[FormCost]:
    """Write all forms and time them in turns.

    Args:
        checkpoint: what `load_checkpoint` takes.
        sizes: sides of the input, in pixels.
        levels: MNN's Winograd levels.
        heads: layout of the graph.
        threads: inference threads.
        rounds: number of rounds; everything has its turn in each.

    Raises:
        DeepMarkError: the checkpoint cannot be loaded, has no deformable convolutions, or an export failed.
    """
    from deepmark.models.loading import load_checkpoint

    network = load_checkpoint(checkpoint).network
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="deepmark-") as folder, ExitStack() as stack:
            say(f"writing the forms at {size}x{size}")
            files = _write_forms(network, Path(folder), size, heads)
            runners = _load(files, levels, threads)
            for one in runners:
                stack.callback(one.session.close)
            found += _time(runners, size, rounds, levels)
    return found


def _write_forms(network: nn.Module, folder: Path, size: int, heads: str) -> dict[str, Path]:
    from deepmark.exporter.deformable.decomposition import FOR_MNN, PORTABLE, decompose_onnx
    from deepmark.exporter.to_mnn import convert_to_mnn
    from deepmark.exporter.to_onnx import export_onnx

    names = tuple(name for name in SPARSE if name == FEATURES or name in network.head_names)  # type: ignore[operator]
    outputs = names if heads == "sparse" else tuple(network.head_names)  # type: ignore[arg-type]
    sides = (size, size)
    files = {name: folder / f"{name}.onnx" for name in ("swap", "native", "portable", "mnn")}
    for name, one in (("swap", plain_twin(network)), ("native", network)):
        export_onnx(one, files[name], heads=outputs, size=sides, dynamic=True, logits=False, metadata="study")
    multiple = int(network.multiple)  # type: ignore[arg-type]
    for name, form in (("portable", PORTABLE), ("mnn", FOR_MNN)):
        decompose_onnx(files["native"], files[name], form, heads=outputs, size=sides, multiple=multiple)
    for name in ("swap", "portable", "mnn"):
        files[f"{name}.mnn"] = folder / f"{name}.mnn"
        convert_to_mnn(files[name], files[f"{name}.mnn"])
    return files


def _load(files: dict[str, Path], levels: Sequence[int], threads: int) -> list[_Runner]:
    from deepmark.runtime.engines.mnn import MnnSession, MnnSettings
    from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession

    forms = {"swap.mnn": SWAP, "mnn.mnn": "mask as a coordinate", "portable.mnn": "nine products"}
    runners = [
        _Runner(f"MNN, level {level}", form, MnnSession(files[name], threads, MnnSettings(winograd=level)))
        for level in levels
        for name, form in forms.items()
    ]
    forms = {"swap": SWAP, "native": "DeformConv", "portable": "nine products"}
    runners += [_Runner("ONNX Runtime", form, OnnxRuntimeSession(files[name], threads)) for name, form in forms.items()]
    return runners


def _time(runners: Sequence[_Runner], size: int, rounds: int, levels: Sequence[int]) -> list[FormCost]:
    x = np.random.default_rng(SEED).normal(size=(1, 3, size, size)).astype(np.float32)
    outputs = [one.run(x) for one in runners]
    right = next(given for one, given in zip(runners, outputs, strict=True) if one.form == "DeformConv")
    times = time_in_turns([partial(one.run, x) for one in runners], rounds)
    names = [(one.engine, one.form) for one in runners]
    own = names.index((f"MNN, level {levels[0]}", "mask as a coordinate"))
    costs = []
    for at, (engine, form) in enumerate(names):
        ratio = times.ratio(at, names.index((engine, SWAP)))
        costs.append(
            FormCost(
                size,
                engine,
                form,
                round(times.processor_ms(at), 1),
                round(times.shortest_ms(at), 1),
                ratio.value,
                (ratio.low, ratio.high),
                round(times.processor_ms(at) / times.processor_ms(own), 3),
                _memory(runners[at].session),
                None if form == SWAP else _error(outputs[at], right),
            )
        )
    return costs


def _memory(session: Session) -> float | None:
    from deepmark.runtime.engines.engine import SessionWithMemory

    return session.memory_mib() if isinstance(session, SessionWithMemory) else None


def _error(found: dict[str, F32], right: dict[str, F32]) -> float:
    return max(float(np.abs(found[name] - right[name]).max() / np.abs(right[name]).max()) for name in right)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="A checkpoint with DCN.")
    parser.add_argument(
        "--sizes", nargs="+", type=integer(32), default=[128, 256], metavar="N", help="Sides.  [default: 128 256]"
    )
    parser.add_argument(
        "--levels", nargs="+", type=int, choices=range(4), default=[3], help="MNN's Winograd levels.  [default: 3]"
    )
    parser.add_argument("--heads", choices=list(LAYOUTS), default="dense", help="Layout.  [default: %(default)s]")
    add_count(parser, "--threads", 1, "Inference threads.")
    add_count(parser, "--rounds", 20, "Turns of everything.", least=2)


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    require("writing the forms", "torch", "onnx", "MNN", extra="export")
    found = measure(
        options.checkpoint,
        sizes=options.sizes,
        levels=options.levels,
        heads=options.heads,
        threads=options.threads,
        rounds=options.rounds,
    )
    if options.as_json:
        print_json(found)
        return
    say(f"{machine_name()}; {options.threads} thread(s), {options.heads} heads, {options.rounds} rounds in turn")
    rows = [
        (
            str(one.size),
            one.engine,
            one.form,
            f"{one.processor_ms:.1f}",
            f"{one.shortest_ms:.1f}",
            f"{one.ratio:.2f} ({one.interval[0]:.2f}-{one.interval[1]:.2f})",
            f"{one.of_mnn:.2f}",
            "" if one.memory_mib is None else f"{one.memory_mib:.0f}",
            "" if one.error is None else f"{one.error:.1e}",
        )
        for one in found
    ]
    columns = (
        "side",
        "engine",
        "deformable convolutions",
        "processor ms",
        "shortest ms",
        "of plain, 95 %",
        "of MNN's own",
        "MiB",
        "error",
    )
    print_table(columns, rows, title="What deformable convolutions cost")
