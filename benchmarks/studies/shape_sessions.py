"""What a session of MNN of its own costs and saves for an input of another shape than the model's own.

One session begins at the model's own size and takes the other shape too, as `Engine` does; another one is made for that
shape alone. Both run in turns, beside the model's own size; memory is MNN's own count.

Examples:
  python -m deepmark.benchmarks.studies shape_sessions build/demo/demo.deepmark --shape 256x192 --rounds 20
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.console import print_json, print_table, say


@dataclass(frozen=True, slots=True)
class ShapeSession:
    """A session at a size.

    Attributes:
        session: what the session was made for.
        size: height and width of the input, in pixels.
        prepared_ms: time to make the session ready for that size, in milliseconds: from the file on, or from the size
            before.
        run_ms: median processor time of a run, in milliseconds.
        ratio: ``run_ms``, divided by that of the own size in the first session.
        mnn_mib: memory of the session in MiB, after it ran at that size.
    """

    session: str
    size: tuple[int, int]
    prepared_ms: float
    run_ms: float
    ratio: float
    mnn_mib: float


def measure(model: Path, shape: tuple[int, int], *, threads: int, rounds: int) -> list[ShapeSession]:
    """Measure the model's own size and another shape in one session, and that shape in a session of its own.

    Args:
        model: what `load_engine` takes, with a model for MNN.
        shape: height and width of the other shape, in pixels.
        threads: inference threads.
        rounds: number of runs of each.

    Raises:
        DeepMarkError: the model cannot be run.
    """
    import numpy as np

    from deepmark.benchmarks.studies.support.turn_times import time_in_turns
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.engines.mnn import MnnSession

    opened = open_bundle(model)
    own = (opened.manifest.input.height, opened.manifest.input.width)
    inputs = {size: np.full((1, 3, *size), 0.1, np.float32) for size in (own, shape)}
    with opened.weights_file("mnn") as path:
        begun = time.perf_counter()
        with closing(MnnSession(path, threads)) as shared:
            shared.run(inputs[own])
            prepared = [time.perf_counter() - begun]
            memory = [shared.memory_mib()]
            begun = time.perf_counter()
            shared.output_shapes(inputs[shape].shape)
            prepared.append(time.perf_counter() - begun)
            shared.run(inputs[shape])
            memory.append(shared.memory_mib())
            begun = time.perf_counter()
            with closing(MnnSession(path, threads)) as alone:
                alone.run(inputs[shape])
                prepared.append(time.perf_counter() - begun)
                memory.append(alone.memory_mib())
                which = [(shared, own), (shared, shape), (alone, shape)]
                took = time_in_turns([lambda run=one.run, x=inputs[size]: run(x) for one, size in which], rounds)  # type: ignore[misc]
    names = ("the model's own size", "the same session", "a session of its own")
    return [
        ShapeSession(
            name,
            size,
            round(1e3 * prepared[at], 1),
            round(took.processor_ms(at), 2),
            took.ratio(at, 0).value,
            memory[at],
        )
        for at, (name, (_, size)) in enumerate(zip(names, which, strict=True))
    ]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="A bundle or model for MNN.")
    parser.add_argument("--shape", metavar="HxW", default="256x192", help="The other shape.  [default: %(default)s]")
    add_count(parser, "--threads", 1, "Inference threads.")
    add_count(parser, "--rounds", 20, "Runs of each.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    from deepmark.models.size import parse_size

    found = measure(options.model, parse_size(options.shape), threads=options.threads, rounds=options.rounds)
    if options.as_json:
        print_json(found)
        return
    rows = [
        (
            one.session,
            f"{one.size[0]}x{one.size[1]}",
            f"{one.prepared_ms:.0f}",
            f"{one.run_ms:.1f}",
            f"{one.ratio:.2f}",
            f"{one.mnn_mib:.0f}",
        )
        for one in found
    ]
    columns = ("session", "input", "ready after, ms", "processor ms", "of own size", "MNN MiB")
    print_table(columns, rows, title=f"{options.model.name}, the network alone, {options.threads} thread(s)")
    say(f"{options.rounds} runs each, in turns")
