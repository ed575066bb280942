"""How much faster rewrites of the sparse graph are that give the same numbers.

Each is made from the exported graph of BUNDLE, held against it, and timed with it in turns, in both engines, the
network alone. What comes out is in docs/decisions/0015-rewrites.md: none of them is in the exporter.

Examples:
  python -m deepmark.benchmarks.studies graph_rewrites build/demo/demo.deepmark --rounds 60
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepmark.benchmarks.result.statistics import ratio_of_medians
from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.console import print_json, print_table, say
from deepmark.errors import DataError
from deepmark.extras import require
from deepmark.runtime.arrays import F32

if TYPE_CHECKING:
    import onnx

    from deepmark.benchmarks.speed.rivals import LoadedRival
    from deepmark.runtime.manifest import Preprocess

Engine = Literal["mnn", "onnxruntime"]

AS_EXPORTED = "as exported"
TOLERANCE = 1e-3  # of a head's largest value: rounding, no other network
SMALLEST_SCALE = 1e-3  # on noise a network may see nothing, and then a heatmap's largest value is 1e-14, or 0
SEED = 0


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A change of the graph.

    Attributes:
        name: what it does.
        exact: whether all outputs are kept; the others are bounds of what could be saved.
        change: makes the change in place, given the graph and how pixels are normalised.
        feed: makes the changed graph's input, given a picture, (1, 3, H, W) grey levels, and how pixels are normalised.
    """

    name: str
    exact: bool
    change: Callable[[onnx.ModelProto, Preprocess], None]
    feed: Callable[[F32, Preprocess], F32]


@dataclass(frozen=True, slots=True)
class RewriteTime:
    """One rewrite in one engine.

    Attributes:
        engine: name of the engine.
        name: name of the rewrite.
        median_ms: median time of the network alone, in milliseconds.
        ratio: median time, divided by that of the graph as exported.
        interval: lower and upper end of the ratio's 95 % bootstrap interval over the rounds.
        largest_error: largest difference from the graph as exported, as a part of a head's largest value.
    """

    engine: Engine
    name: str
    median_ms: float
    ratio: float
    interval: tuple[float, float]
    largest_error: float


def _normalised(pixels: F32, how: Preprocess) -> F32:
    mean, std = (np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (how.mean, how.std))
    return np.ascontiguousarray((pixels / np.float32(255) - mean) / std)


def _with_ones(pixels: F32, _: Preprocess) -> F32:
    return np.ascontiguousarray(np.concatenate([pixels, np.ones_like(pixels[:, :1])], axis=1))


def _nothing(_: onnx.ModelProto, __: Preprocess) -> None:
    """Leave the graph as it is."""


def _merge_first_convolutions(model: onnx.ModelProto, _: Preprocess) -> None:
    """Make one 3x3 convolution of those that read the features, and split what it gives."""
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {one.name: one for one in graph.initializer}
    firsts = [n for n in graph.node if n.op_type == "Conv" and n.input[0] == "features"]
    if len(firsts) != 2:
        raise DataError(f"two convolutions must read the features, found {len(firsts)}", hint="give a sparse bundle")
    weights = [numpy_helper.to_array(constants[n.input[1]]) for n in firsts]
    biases = [numpy_helper.to_array(constants[n.input[2]]) for n in firsts]
    sizes = np.array([len(one) for one in weights], np.int64)
    for name, value in (("merged.w", np.concatenate(weights)), ("merged.b", np.concatenate(biases)), ("sizes", sizes)):
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    at = list(graph.node).index(firsts[0])
    merged = helper.make_node("Conv", ["features", "merged.w", "merged.b"], ["merged"])
    merged.attribute.extend(firsts[0].attribute)
    split = helper.make_node("Split", ["merged", "sizes"], [n.output[0] for n in firsts], axis=1)
    for one in firsts:
        graph.node.remove(one)
    graph.node.insert(at, split)
    graph.node.insert(at, merged)


def _drop_landmarks(model: onnx.ModelProto, _: Preprocess) -> None:
    """Leave out ``hm_hp``: no computation of a part of it can save more."""
    graph = model.graph
    graph.output.remove(next(one for one in graph.output if one.name == "hm_hp"))
    needed = {one.name for one in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)


def _fold_normalisation(model: onnx.ModelProto, how: Preprocess) -> None:
    """Take grey levels and a plane of ones: ``W (p / 255 - mean) / std`` with the mean's part on the ones.

    The border is exact, as the padding of the plane of ones is 0 too.
    """
    from onnx import numpy_helper

    graph = model.graph
    stem = next(n for n in graph.node if n.op_type == "Conv" and n.input[0] == graph.input[0].name)
    stored = next(one for one in graph.initializer if one.name == stem.input[1])
    weight = numpy_helper.to_array(stored).astype(np.float64)  # (16, 3, 7, 7)
    mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in (how.mean, how.std))
    ones = (-weight * mean / std).sum(axis=1, keepdims=True)
    folded = np.concatenate([weight / std / 255, ones], axis=1).astype(np.float32)
    stored.CopyFrom(numpy_helper.from_array(folded, stored.name))
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4


REWRITES = (
    Rewrite(AS_EXPORTED, True, _nothing, _normalised),
    Rewrite("first convolutions of both heatmaps merged", True, _merge_first_convolutions, _normalised),
    Rewrite("mean and std in the first convolution", True, _fold_normalisation, _with_ones),
    Rewrite("no hm_hp at all (bound of computing a part of it)", False, _drop_landmarks, _normalised),
)


def _drop_unused_weights(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input}
    for one in [one for one in model.graph.initializer if one.name not in used]:
        model.graph.initializer.remove(one)


def measure(bundle: Path, *, threads: int, rounds: int) -> list[RewriteTime]:
    """Make all rewrites of a sparse bundle's ONNX graph and time them in turns.

    Raises:
        BundleError: it cannot be opened.
        DataError: it has no sparse ``model.onnx``, or a rewrite gives other numbers.
    """
    import onnx

    from deepmark.runtime.bundle import open_bundle

    model = open_bundle(bundle)
    if "onnxruntime" not in model.weights or model.manifest.heads.layout != "sparse":
        raise DataError(f"{bundle} has no sparse model.onnx", hint="deepmark export CKPT --to onnx --heads sparse")
    size = (model.manifest.input.height, model.manifest.input.width)
    pixels = np.random.default_rng(SEED).integers(0, 256, (1, 3, *size)).astype(np.float32)
    content = model.read(model.weights["onnxruntime"])
    found = []
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        files = []
        for number, one in enumerate(REWRITES):
            graph = onnx.load_model_from_string(content)
            one.change(graph, model.manifest.preprocess)
            _drop_unused_weights(graph)
            files.append(Path(folder) / f"{number}.onnx")
            onnx.save(graph, files[-1])
        inputs = [one.feed(pixels, model.manifest.preprocess) for one in REWRITES]
        for engine in ("mnn", "onnxruntime"):
            loaded = [_load(engine, path, size, threads) for path in files]
            found += _time(engine, loaded, inputs, rounds)
    return found


def _load(engine: Engine, path: Path, size: tuple[int, int], threads: int) -> LoadedRival:
    from deepmark.benchmarks.speed.rivals import RIVALS
    from deepmark.exporter.to_mnn import convert_to_mnn

    if engine == "mnn":
        convert_to_mnn(path, path.with_suffix(".mnn"))
        path = path.with_suffix(".mnn")
    return RIVALS[engine].load(path, *size, threads)


def _time(engine: Engine, loaded: list[LoadedRival], inputs: list[F32], rounds: int) -> list[RewriteTime]:
    given = [one.run(x) for one, x in zip(loaded, inputs, strict=True)]
    errors = [_error(one, given[0]) for one in given]
    for rewrite, error in zip(REWRITES, errors, strict=True):
        if not error <= TOLERANCE:
            raise DataError(f"{rewrite.name} in {engine} is off by {error:.2g} of the largest value: no exact rewrite")
    times = np.empty((rounds, len(loaded)))
    for number in range(rounds):
        for at in turns(range(len(loaded)), number):
            start = time.perf_counter()
            loaded[at].run(inputs[at])
            times[number, at] = 1e3 * (time.perf_counter() - start)
    ratios = [ratio_of_medians(column, times[:, 0]) for column in times.T]
    return [
        RewriteTime(
            engine,
            rewrite.name,
            round(float(np.median(times[:, at])), 2),
            round(ratios[at].value, 4),
            (round(ratios[at].low, 4), round(ratios[at].high, 4)),
            errors[at],
        )
        for at, rewrite in enumerate(REWRITES)
    ]


def _error(found: Mapping[str, F32], expected: Mapping[str, F32]) -> float:
    scales = {name: max(float(np.abs(values).max()), SMALLEST_SCALE) for name, values in expected.items()}
    return max(float(np.abs(found[name] - expected[name]).max()) / scales[name] for name in found)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="A bundle with a sparse model.onnx.")
    add_count(parser, "--threads", 1, "Inference threads.")
    add_count(parser, "--rounds", 30, "Turns of every graph.", least=2)


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    require("rewriting graphs", "onnx", extra="export")
    found = measure(options.bundle, threads=options.threads, rounds=options.rounds)
    if options.as_json:
        print_json(found)
        return
    say(f"{machine_name()}; {options.threads} thread(s), {options.rounds} rounds in turn")
    rows = [
        (
            one.engine,
            one.name,
            f"{one.median_ms:.1f}",
            f"{one.ratio:.3f} ({one.interval[0]:.3f}-{one.interval[1]:.3f})",
            f"{one.largest_error:.1e}",
        )
        for one in found
    ]
    print_table(("engine", "graph", "median ms", "of as exported, 95 %", "error"), rows, title="Exact rewrites")
