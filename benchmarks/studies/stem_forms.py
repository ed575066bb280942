"""How much time and memory MNN needs with the first convolution written in other ways, and at other shapes.

BUNDLE holds the paper's network as ONNX. Three questions, each answered in turns on one core: which way to write the
first convolution is fastest, of the first three layers alone; what the exporter's way gains in the whole network, in
both engines; and what it gains to prepare a session for a square first, at 3:4, 4:3 and 10:16. A ratio is the median
over rounds of one's processor time, divided by the other's in that round. All of it is in docs/decisions/0040.

Examples:
  python -m deepmark.benchmarks.studies stem_forms build/demo/demo.deepmark --rounds 100
"""

from __future__ import annotations

import math
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from deepmark.benchmarks.result.statistics import median_of_ratios
from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.benchmarks.studies.support.machine import machine_name, stay_on_one_core
from deepmark.benchmarks.studies.support.turn_times import time_in_turns
from deepmark.console import print_json, print_table, say
from deepmark.errors import DataError
from deepmark.exporter.blocked_stem import (
    Stem,
    StemForm,
    find_stem,
    kernel_between_blocks,
    kernel_of_a_block,
    with_stem,
    write_in_blocks,
)
from deepmark.extras import require
from deepmark.runtime.arrays import F32
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.engine import Session
from deepmark.runtime.engines.mnn import MnnSession

if TYPE_CHECKING:
    import onnx

    from deepmark.exporter.deformable.node_writer import NodeWriter

TOLERANCE = 1e-2  # of a head's largest value: Winograd's rounding, no other network
SMALLEST_SCALE = 1e-2  # on noise a network may see nothing, and then a heatmap's largest value is nearly 0
BEGINNING = 3  # layers, each a convolution and a ReLU
SHAPES = ((4, 3), (3, 4), (16, 10))
AS_EXPORTED, BLOCKED = "7x7 between pixels, as exported", "4x4 between 2x2 blocks, gathered by a convolution"


@dataclass(frozen=True, slots=True)
class FormTime:
    """One way to compute the same.

    Attributes:
        part: what was computed.
        engine: name of the engine.
        form: the way.
        median_ms: median processor time of a run, in milliseconds.
        ratio: median of a run's time, divided by that of the first form in the same round.
        low: lower end of the ratio's 95 % interval.
        high: upper end of the ratio's 95 % interval.
        memory_mib: what MNN holds for weights and maps, in MiB; None of ONNX Runtime.
        largest_error: largest difference from what the first form gives, as a part of an output's largest value.
    """

    part: str
    engine: str
    form: str
    median_ms: float
    ratio: float
    low: float
    high: float
    memory_mib: float | None
    largest_error: float


def measure(bundle: Path, *, rounds: int, shapes: Sequence[tuple[int, int]] = SHAPES) -> list[FormTime]:
    """Answer all three questions.

    Args:
        bundle: what `open_bundle` takes, with a ``model.onnx`` of a DLA-34.
        rounds: number of rounds.
        shapes: shapes of the third question, as proportions of height and width.

    Raises:
        BundleError: it cannot be opened.
        DataError: its network begins in another way, or a form gives other numbers.
    """
    import onnx

    from deepmark.runtime.bundle import open_bundle

    model = open_bundle(bundle)
    hint = "deepmark export CKPT --to onnx, of a DLA-34"
    if "onnxruntime" not in model.weights:
        raise DataError(f"{bundle} has no model.onnx", hint=hint)
    network = onnx.load_model_from_string(model.read(model.weights["onnxruntime"]))
    stem = find_stem(network)
    if stem is None:
        raise DataError(f"{bundle} does not begin with a 7x7 convolution of all pixels", hint=hint)
    spec = model.manifest.input
    whole = {name: with_stem(network, stem, form) for name, form in FORMS.items() if name in {AS_EXPORTED, BLOCKED}}
    starts = {name: beginning(with_stem(network, stem, form)) for name, form in FORMS.items()}
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        files = write_graphs(whole, Path(folder))
        timer = _Timer(noise(spec.height, spec.width), rounds)
        found = timer.race("first three layers", "mnn", write_graphs(starts, Path(folder)))
        found += timer.race("whole network", "mnn", files)
        found += timer.race("whole network", "onnxruntime", files)
        for one in shapes:
            unit = max(spec.height, spec.width) / max(one) / spec.multiple
            height, width = (math.ceil(side * unit) * spec.multiple for side in one)
            found += timer.race_shape(files[BLOCKED], (height, width))
    return found


def noise(height: int, width: int) -> F32:
    """Return a seeded network input."""
    return np.random.default_rng(0).standard_normal((1, 3, height, width), np.float32)


def beginning(model: onnx.ModelProto) -> onnx.ModelProto:
    """Cut a graph behind its first three layers."""
    import onnx
    from onnx import helper

    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    relus = [number for number, node in enumerate(graph.node) if node.op_type == "Relu"]
    last = graph.node[relus[BEGINNING - 1]].output[0]
    del graph.node[relus[BEGINNING - 1] + 1 :], graph.output[:]
    graph.output.append(helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, ["batch", None, None, None]))
    used = {name for node in graph.node for name in node.input}
    constants = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    return result


def _as_exported(writer: NodeWriter, stem: Stem) -> None:
    writer.nodes += [stem.convolution, stem.relu]


def _between_even_blocks(block: int) -> StemForm:
    def write(writer: NodeWriter, stem: Stem) -> None:
        blocks = writer.node("SpaceToDepth", [stem.convolution.input[0]], "gathered", blocksize=block)
        _write_rest(writer, stem, blocks, kernel_between_blocks(stem.weight, block, front=block - 3 % block), block)

    return write


def _padded(writer: NodeWriter, stem: Stem) -> None:
    border = writer.integers(0, 0, 1, 1, 0, 0, 1, 1)
    padded = writer.node("Pad", [stem.convolution.input[0], border, writer.number(0)], "padded", mode="constant")
    blocks = writer.node("SpaceToDepth", [padded], "gathered", blocksize=2)
    _write_rest(writer, stem, blocks, kernel_between_blocks(stem.weight, 2), 2)


def _strided(writer: NodeWriter, stem: Stem) -> None:
    kernel = kernel_of_a_block(stem.weight, 2)
    _write_rest(writer, stem, stem.convolution.input[0], kernel, 2, strides=[2, 2], pads=[3] * 4)


FORMS: Mapping[str, StemForm] = {
    AS_EXPORTED: _as_exported,
    "8x8 of stride 2": _strided,
    "3x3 between 4x4 blocks": _between_even_blocks(4),
    "5x5 between 2x2 blocks": _between_even_blocks(2),
    "4x4 between 2x2 blocks, by Pad and SpaceToDepth": _padded,
    BLOCKED: write_in_blocks,
}


def _write_rest(
    writer: NodeWriter,
    stem: Stem,
    x: str,
    kernel: F32,
    block: int,
    *,
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] | None = None,
) -> None:
    around = pads or [(kernel.shape[2] - 1) // 2] * 4
    inputs = [x, writer.constant("stem/weight", kernel), writer.constant("stem/bias", np.tile(stem.bias, block**2))]
    result = writer.node(
        "Conv", inputs, "stem/blocks", kernel_shape=list(kernel.shape[2:]), strides=strides, pads=around
    )
    positive = writer.node("Relu", [result], "stem/relu")
    writer.node("DepthToSpace", [positive], "stem/pixels", stem.relu.output[0], blocksize=block, mode="DCR")


def write_graphs(models: Mapping[str, onnx.ModelProto], folder: Path) -> dict[str, Path]:
    """Write graphs as both engines read them; returns the ONNX files, each of which has MNN's beside it."""
    import onnx

    from deepmark.exporter.to_mnn import convert_to_mnn

    files = {}
    for name, model in models.items():
        files[name] = path = Path(tempfile.mkdtemp(dir=folder)) / "graph.onnx"
        onnx.save(model, path)
        convert_to_mnn(path, path.with_suffix(".mnn"))
    return files


class _Timer:
    """Times graphs in turns.

    Args:
        x: network input, (1, 3, H, W).
        rounds: number of rounds.
    """

    def __init__(self, x: F32, rounds: int) -> None:
        self._x = x
        self._rounds = rounds

    def race(self, part: str, engine: Backend, files: Mapping[str, Path]) -> list[FormTime]:
        """Time graphs that give the same."""
        sessions = {name: _open(engine, path) for name, path in files.items()}
        size = f"{self._x.shape[2]}x{self._x.shape[3]}"
        return self._turns(f"{part}, {size}", engine, sessions, self._x)

    def race_shape(self, file: Path, size: tuple[int, int]) -> list[FormTime]:
        """Time a graph at another shape, with the algorithms that MNN chooses for it and with those of the square."""
        x = noise(*size)
        own, square = (_open("mnn", file) for _ in range(2))
        with patch("deepmark.runtime.engines.mnn.first_shape", lambda shape: shape):
            own.run(x)
        return self._turns(
            f"whole network, {size[0]}x{size[1]}",
            "mnn",
            {"prepared for it": own, "prepared for the square first": square},
            x,
        )

    def _turns(self, part: str, engine: Backend, sessions: Mapping[str, Session], x: F32) -> list[FormTime]:
        given = {name: session.run(x) for name, session in sessions.items()}
        expected = next(iter(given.values()))
        errors = {
            name: max(
                float(np.abs(one[key] - right).max() / max(np.abs(right).max(), SMALLEST_SCALE))
                for key, right in expected.items()
            )
            for name, one in given.items()
        }
        for name, error in errors.items():
            if not error <= TOLERANCE:
                raise DataError(f"{part}: {name!r} is off by {error:.2g} of the largest value: it is another network")
        times = time_in_turns([partial(one.run, x) for one in sessions.values()], self._rounds)
        found = []
        for at, (name, session) in enumerate(sessions.items()):
            ratio = median_of_ratios(times.processor[:, at] / times.processor[:, 0])
            found.append(
                FormTime(
                    part=part,
                    engine=engine,
                    form=name,
                    median_ms=round(times.processor_ms(at), 2),
                    ratio=round(ratio.value, 3),
                    low=round(ratio.low, 3),
                    high=round(ratio.high, 3),
                    memory_mib=session.memory_mib() if isinstance(session, MnnSession) else None,
                    largest_error=errors[name],
                )
            )
        for session in sessions.values():
            session.close()
        return found


def _open(engine: Backend, path: Path) -> Session:
    from deepmark.runtime.engines.sessions import open_session

    return open_session(path.with_suffix(".mnn") if engine == "mnn" else path, engine, 1)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="A bundle of a DLA-34 with a model.onnx.")
    add_count(parser, "--rounds", 40, "Turns of everything.", least=2)


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    require("rewriting graphs", "onnx", extra="export")
    stay_on_one_core()
    found = measure(options.bundle, rounds=options.rounds)
    if options.as_json:
        print_json(found)
        return
    say(f"{machine_name()}; one core, {options.rounds} rounds in turn, processor time")
    rows = [
        (
            one.part,
            one.engine,
            one.form,
            f"{one.median_ms:.2f}",
            f"{one.ratio:.3f} ({one.low:.3f}-{one.high:.3f})",
            "" if one.memory_mib is None else f"{one.memory_mib:.1f}",
            f"{one.largest_error:.1e}",
        )
        for one in found
    ]
    columns = ("what", "engine", "form", "median ms", "of the first, 95 %", "MNN MiB", "error")
    print_table(columns, rows, title="The first convolution, and other shapes")
