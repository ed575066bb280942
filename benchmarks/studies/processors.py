"""Whether a bundle verifies on processors with fewer instructions and with other threads, and what MNN's threads move.

Runs `deepmark verify` on BUNDLE here and under qemu-x86_64 with processors that lack AVX-512 (Haswell), or AVX and
FMA (Nehalem), too, with one and two threads. Then MNN runs the golden vectors here at every Winograd level, with one
and two threads. A bundle is made on another processor by the same emulator: see the second example.

Examples:
  python -m deepmark.benchmarks.studies processors build/demo/demo.deepmark
  qemu-x86_64 -cpu Nehalem .venv/bin/python -m deepmark export models/demo/mdla34_synthetic_fp16.pth --to mnn --size 64
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.benchmarks.studies.support.arguments import existing_path
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import print_json, print_table, say
from deepmark.errors import EngineError

if TYPE_CHECKING:
    from deepmark.exporter.parity import ParitySample

HERE = "here"
EMULATED = {model: ("qemu-x86_64", "-cpu", model) for model in ("Haswell", "Nehalem")}
THREADS = (1, 2)
LONGEST_S = 3600  # of one verification; an emulator takes a hundred times as long


@dataclass(frozen=True, slots=True)
class ProcessorVerdict:
    """What `deepmark verify` said of one engine.

    Attributes:
        processor: `HERE`, or the emulator's model.
        engine: engine that ran.
        device: what the engine says that it computes on.
        threads: number of threads that it really used.
        passed: whether it was equal.
        share: largest share of what a head may differ by.
        head: name of that head.
        near_ties: number of choices that rounding turned over.
    """

    processor: str
    engine: str
    device: str
    threads: int
    passed: bool
    share: float
    head: str
    near_ties: int


@dataclass(frozen=True, slots=True)
class LevelDifference:
    """How far MNN's heads move at one Winograd level, each of its largest value; the worst head and vector.

    Attributes:
        level: MNN's Winograd level.
        threads: number of threads that were asked for.
        from_vectors: largest difference from the golden vectors.
        from_one_thread: largest difference from the same with one thread, over whole heads.
    """

    level: int
    threads: int
    from_vectors: float
    from_one_thread: float


def verify_everywhere(bundle: Path, emulated: Mapping[str, tuple[str, ...]]) -> list[ProcessorVerdict]:
    """Verify here and on the emulated processors.

    Args:
        bundle: folder or zip.
        emulated: name of each processor -> words before the command that runs on it.

    Raises:
        EngineError: the emulator is missing, or a verification did not end.
    """
    for emulator, *_ in emulated.values():
        if shutil.which(emulator) is None:
            raise EngineError(f"the tool {emulator} is missing", hint="apt-get install qemu-user")
    return [
        verdict
        for processor, words in {HERE: (), **emulated}.items()
        for threads in THREADS
        for verdict in _verdicts(bundle, processor, words, threads)
    ]


def _verdicts(bundle: Path, processor: str, words: tuple[str, ...], threads: int) -> list[ProcessorVerdict]:
    say(f"verifying on {processor} with {threads} threads")
    command = [*words, sys.executable, "-m", "deepmark", "verify", str(bundle), "--threads", str(threads), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    if done.returncode not in {0, 3}:
        last = "; ".join(done.stderr.strip().splitlines()[-2:])
        raise EngineError(
            f"verifying on {processor} ended with status {done.returncode}: {last}",
            hint=f"run it alone: {' '.join(command)}",
        )
    document = json.loads(done.stdout)
    verdicts = []
    for hop, engine in zip(document["parity"], document["engines"], strict=True):
        worst = max(hop["heads"], key=lambda head: head["tolerance_used"])
        verdicts.append(
            ProcessorVerdict(
                processor=processor,
                engine=engine["backend"],
                device=engine["device"],
                threads=engine["threads"],
                passed=hop["passed"],
                share=worst["tolerance_used"],
                head=worst["head"],
                near_ties=hop["objects"]["near_ties"],
            )
        )
    return verdicts


def measure_levels(bundle: Path) -> list[LevelDifference]:
    """Run MNN here on the golden vectors, at every level and with every number of threads."""
    import numpy as np

    from deepmark.exporter.stages import ChainStage
    from deepmark.exporter.vectors import read_vectors
    from deepmark.runtime import load_engine
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.engines.mnn import WINOGRAD_LEVELS

    model = open_bundle(bundle)
    vectors = read_vectors(model)
    rows = []
    for level in reversed(WINOGRAD_LEVELS):
        alone: list[ParitySample] = []
        for threads in THREADS:
            from_vectors = from_one_thread = 0.0
            with load_engine(model, threads=threads, backend="mnn", winograd=level) as engine:
                stage = ChainStage.of("mnn", engine)
                samples = [stage.sample(vector.picture, model.manifest) for vector in vectors]
            alone = alone or samples
            for vector, sample, first in zip(vectors, samples, alone, strict=True):
                chosen = vector.choose(sample).outputs
                for head, scale in vector.expected.scales.items():
                    moved = np.abs(chosen[head] - vector.expected.outputs[head]).max() / scale
                    from_vectors = max(from_vectors, float(moved))
                    moved = np.abs(sample.outputs[head] - first.outputs[head]).max() / scale
                    from_one_thread = max(from_one_thread, float(moved))
            rows.append(LevelDifference(level, threads, from_vectors, from_one_thread))
    return rows


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("bundle", metavar="BUNDLE", type=existing_path, help="A bundle with an MNN model.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    verdicts, levels = verify_everywhere(options.bundle, EMULATED), measure_levels(options.bundle)
    if options.as_json:
        print_json({"machine": machine_name(), "verdicts": verdicts, "levels": levels})
        return
    say(machine_name())
    columns = ["processor", "engine", "device", "threads", "share of what is allowed", "near ties", "verdict"]
    rows = [
        [
            one.processor,
            one.engine,
            one.device,
            str(one.threads),
            f"{one.share:.2%} ({one.head})",
            str(one.near_ties),
            "equal" if one.passed else "NOT EQUAL",
        ]
        for one in verdicts
    ]
    print_table(columns, rows, title=f"deepmark verify {options.bundle.name}")
    print_table(
        ["Winograd level", "threads asked", "from the vectors", "from one thread"],
        [[str(o.level), str(o.threads), f"{o.from_vectors:.1e}", f"{o.from_one_thread:.1e}"] for o in levels],
        title="MNN here: largest difference, of a head's largest value",
    )
