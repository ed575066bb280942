"""How fast every engine runs the same network, in turns, and what memory MNN's sessions of it take.

Each CHECKPOINT is written to ONNX once, with dense heads, and all engines are given what they can read of that file:
MNN its conversion, at two Winograd levels, ncnn the text that `deepmark bench` writes for it, ONNX Runtime and OpenVINO
the file itself. A file with DeformConv is offered to OpenVINO as it is, and, decomposed, once more. Whoever refuses is
named with what it printed; whoever gives something else than ONNX Runtime is not timed. Ratios are of processor time,
so that others' work on the machine does not count; the shortest times stand beside them.

Examples:
  python -m deepmark.benchmarks.studies network_engines res_18.pth resdcn_18.pth --size 256 --rounds 8
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.benchmarks.speed.ncnn_graph import write_ncnn
from deepmark.benchmarks.speed.references import find_rivals
from deepmark.benchmarks.speed.rivals import RIVALS, Outputs, Rival, require_same
from deepmark.benchmarks.studies.support.arguments import add_count, integer
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.benchmarks.studies.support.turn_times import time_in_turns
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeepMarkError
from deepmark.extras import require
from deepmark.runtime.arrays import F32
from deepmark.runtime.manifest import Preprocess
from deepmark.runtime.preprocess import normalise

if TYPE_CHECKING:
    from torch import nn

OTHERS = ("onnxruntime", "openvino", "ncnn")
LEVELS = (3, 0)  # MNN's fastest, and its smallest
DECOMPOSED = "decomposed"
SEED = 0
SHOWN = 400  # characters of what an engine printed
# Ours, of an import, and what pybind11 makes of a C++ library's exceptions; anything else is a fault of this program.
REFUSALS = (DeepMarkError, ImportError, RuntimeError, ValueError, IndexError, MemoryError)


@dataclass(frozen=True, slots=True)
class EngineCost:
    """One engine on one network.

    Attributes:
        network: name of the architecture.
        engine: name of the engine, with MNN's Winograd level or the form of the file.
        version: version of the engine.
        processor_ms: median processor time of a run, in milliseconds; None where the engine refused.
        shortest_ms: shortest time of a run, in milliseconds; None where the engine refused.
        ratio: median processor time, divided by that of MNN at its fastest; None where the engine refused.
        interval: lower and upper end of the ratio's 95 % bootstrap interval; None where the engine refused.
        memory_mib: memory of the session by MNN's own count, in MiB; None for another engine.
        refusal: what the engine said instead of computing; None where it computed.
    """

    network: str
    engine: str
    version: str = ""
    processor_ms: float | None = None
    shortest_ms: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    memory_mib: float | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Runner:
    engine: str
    version: str
    run: Callable[[F32], Outputs]
    memory_mib: float | None = None


def measure(checkpoint: Path, *, size: int, threads: int, rounds: int) -> list[EngineCost]:
    """Give a checkpoint's network to every engine and time them in turns.

    Args:
        checkpoint: what `load_checkpoint` takes.
        size: side of the input, in pixels.
        threads: inference threads.
        rounds: number of rounds; every engine has its turn in each.

    Raises:
        DeepMarkError: the checkpoint cannot be loaded, or an export failed.
    """
    from deepmark.models.datasets.drawings import draw
    from deepmark.models.loading import load_checkpoint

    loaded = load_checkpoint(checkpoint)
    network = loaded.report.architecture
    x = normalise(draw(SEED, 1, size).image_bgr_u8, Preprocess())
    with tempfile.TemporaryDirectory(prefix="deepmark-") as name, ExitStack() as stack:
        say(f"writing {network} at {size}x{size}")
        folder = Path(name)
        files = _write(loaded.network, folder, size)
        del loaded
        present, missing = find_rivals(OTHERS, None)
        refused = [EngineCost(network, RIVALS[one.name].title, refusal=one.error) for one in missing]
        runners = list(_mnn(files, threads, x, stack))
        right: Outputs = {}
        for title, rival, file in _offers(present, files):
            try:
                opened = rival.load(_readable(file, rival), size, size, threads)
                found = opened.run(x)
                right = right or found
                require_same(found, right, title)
            except REFUSALS as error:
                refused.append(EngineCost(network, title, refusal=_first_words(error)))
                continue
            runners.append(_Runner(title, opened.version, opened.run))
        for one in runners:
            require_same(one.run(x), right, one.engine)
        return _time(network, runners, x, rounds) + refused


def _write(network: nn.Module, folder: Path, size: int) -> dict[str, Path]:
    """Write the ONNX file, MNN's, and, of a network with DeformConv, the file without it."""
    from deepmark.exporter.deform_conv import has_deformable
    from deepmark.exporter.deformable.decomposition import FOR_MNN, PORTABLE, decompose_onnx
    from deepmark.exporter.to_mnn import convert_to_mnn
    from deepmark.exporter.to_onnx import export_onnx

    heads = tuple(network.head_names)  # type: ignore[arg-type]
    sides, multiple = (size, size), int(network.multiple)  # type: ignore[arg-type]
    files = {"onnx": folder / "network.onnx", "mnn": folder / "network.mnn"}
    export_onnx(network, files["onnx"], heads=heads, size=sides, dynamic=True, logits=True, metadata="study")
    for_mnn = files["onnx"]
    if has_deformable(network):
        files[DECOMPOSED], for_mnn = folder / "decomposed.onnx", folder / "for-mnn.onnx"
        for target, form in ((files[DECOMPOSED], PORTABLE), (for_mnn, FOR_MNN)):
            decompose_onnx(files["onnx"], target, form, heads=heads, size=sides, multiple=multiple)
    convert_to_mnn(for_mnn, files["mnn"])
    return files


def _mnn(files: Mapping[str, Path], threads: int, x: F32, stack: ExitStack) -> Iterator[_Runner]:
    from deepmark.runtime.engines.mnn import MnnSession, MnnSettings

    for level in LEVELS:
        session = MnnSession(files["mnn"], threads, MnnSettings(winograd=level))
        stack.callback(session.close)
        session.run(x)  # what it takes is known after a run at this size
        yield _Runner(f"MNN, level {level}", session.facts.version, _without_batch(session.run), session.memory_mib())


def _without_batch(run: Callable[[F32], Mapping[str, F32]]) -> Callable[[F32], Outputs]:
    return lambda x: {name: head[0] for name, head in run(x).items()}


def _offers(present: Sequence[str], files: Mapping[str, Path]) -> Iterator[tuple[str, Rival, Path]]:
    """List title, library and ONNX file of every other engine; ONNX Runtime comes first."""
    for name in present:
        rival = RIVALS[name]
        yield rival.title, rival, files["onnx"]
        if name == "openvino" and DECOMPOSED in files:
            yield f"{rival.title}, {DECOMPOSED}", rival, files[DECOMPOSED]


def _readable(onnx_file: Path, rival: Rival) -> Path:
    """Return the file itself, or what stands for it."""
    if rival.source != "ncnn":
        return onnx_file
    import onnx

    param, _ = write_ncnn(onnx_file, onnx_file.parent)
    outputs = onnx.load(str(onnx_file), load_external_data=False).graph.output
    param.with_suffix(".outputs").write_text("".join(f"{one.name}\n" for one in outputs))
    return param


def _first_words(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


def _time(network: str, runners: Sequence[_Runner], x: F32, rounds: int) -> list[EngineCost]:
    times = time_in_turns([partial(one.run, x) for one in runners], rounds)
    costs = []
    for at, one in enumerate(runners):
        ratio = times.ratio(at, 0)
        costs.append(
            EngineCost(
                network,
                one.engine,
                one.version,
                round(times.processor_ms(at), 1),
                round(times.shortest_ms(at), 1),
                ratio.value,
                (ratio.low, ratio.high),
                None if one.memory_mib is None else round(one.memory_mib, 1),
            )
        )
    return costs


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("checkpoints", metavar="CHECKPOINT", nargs="+", type=Path, help="Networks to run.")
    parser.add_argument(
        "--size", type=integer(32), default=256, metavar="N", help="Side of the input.  [default: %(default)s]"
    )
    add_count(parser, "--threads", 1, "Inference threads.")
    add_count(parser, "--rounds", 8, "Turns of every engine.", least=2)


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    require("writing the networks", "torch", "onnx", "onnxruntime", "MNN", extra="export")
    found = [
        cost
        for checkpoint in options.checkpoints
        for cost in measure(checkpoint, size=options.size, threads=options.threads, rounds=options.rounds)
    ]
    if options.as_json:
        print_json(found)
        return
    say(
        f"{machine_name()}; {options.size}x{options.size}, {options.threads} thread(s), {options.rounds} rounds in turn"
    )
    columns = ("network", "engine", "processor ms", "shortest ms", "of MNN, 95 %", "MiB")
    print_table(columns, [_row(one) for one in found if one.refusal is None], title="Engines on the same network")
    for one in found:
        if one.refusal is not None:
            say(f"{one.network}: {one.engine} refused: {one.refusal}")


def _row(one: EngineCost) -> tuple[str, ...]:
    low, high = one.interval or (0, 0)
    return (
        one.network,
        f"{one.engine} ({one.version})",
        f"{one.processor_ms:.1f}",
        f"{one.shortest_ms:.1f}",
        f"{one.ratio:.2f} ({low:.2f}-{high:.2f})",
        "" if one.memory_mib is None else f"{one.memory_mib:.0f}",
    )
