"""Memory and equality of every precision on an emulated aarch64 processor, where there is no phone.

Exports CHECKPOINT in every precision, cross-builds the C++ programs, and runs them on PICTURES under
qemu-aarch64-static -cpu cortex-a76: dm_verify on the bundle's golden vectors, dm_bench for memory. MNN's figure is what
its session holds and is the phone's; the process's peak holds the emulator, too. Times under emulation say nothing and
are not shown.

Examples:
  python -m deepmark.benchmarks.studies emulated_precisions models/demo/mdla34_synthetic_fp16.pth models/demo/samples/*
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmark.benchmarks.studies.support.arguments import existing_file
from deepmark.benchmarks.studies.support.exports import add_export_arguments, export_at_any_cost
from deepmark.console import print_json, print_table, say
from deepmark.errors import EngineError

if TYPE_CHECKING:
    from deepmark.runtime.native import NativeBuild
    from deepmark.runtime.provenance import PrecisionName

EMULATOR = ("qemu-aarch64-static", "-cpu", "cortex-a76")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is stored, and how MNN shall compute.

    Attributes:
        stored: precision of the model file.
        arithmetic: precision that MNN is asked to compute in.
        memory: MNN's memory mode.
    """

    stored: PrecisionName
    arithmetic: str
    memory: str


SETTINGS = (
    Setting("fp32", "fp32", "normal"),
    Setting("fp16", "fp32", "normal"),
    Setting("fp16", "fp16", "normal"),
    Setting("w8", "fp32", "normal"),
    Setting("w8", "fp32", "low"),
    Setting("int8", "fp32", "normal"),
)


@dataclass(frozen=True, slots=True)
class EmulatedRow:
    """A row of the table.

    Attributes:
        setting: what ran.
        used: the arithmetic that MNN really used.
        file_bytes: size of the model file.
        engine_mib: memory that MNN's session holds by its own count, in MiB.
        process_mib: largest memory of the process, emulator included, in MiB.
        equal: whether the golden vectors passed; None with low memory, which they are not run with.
        kept: number of objects that both sides see alike, over all golden vectors.
        seen: number of objects that either side sees, over all golden vectors.
    """

    setting: Setting
    used: str
    file_bytes: int
    engine_mib: float
    process_mib: float
    equal: bool | None
    kept: int
    seen: int


def measure(checkpoint: Path, pictures: Sequence[Path], *, size: tuple[int, int], heads: str) -> list[EmulatedRow]:
    """Export, build and run.

    Args:
        checkpoint: what `load_checkpoint` takes.
        pictures: files to run the network on, in turn.
        size: height and width of the network's input, in pixels.
        heads: layout of the graph, ``"dense"`` or ``"sparse"``.

    Raises:
        DeepMarkError: a tool is missing, an export failed, or a program crashed.
    """
    from deepmark.benchmarks.speed.samples import write_ppm_files
    from deepmark.runtime.bundle import MODEL_FILES, open_bundle
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.native import build_native

    if shutil.which(EMULATOR[0]) is None:
        raise EngineError(f"the tool {EMULATOR[0]} is missing", hint="apt-get install qemu-user-static")
    build = build_native("aarch64-linux-gnu")
    rows = []
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        shown = Path(folder) / "pictures"
        write_ppm_files(map(read_picture, pictures), shown)
        bundles: dict[PrecisionName, Path] = {}
        for setting in SETTINGS:
            name = setting.stored
            if name not in bundles:
                bundles[name] = export_at_any_cost(checkpoint, Path(folder), name, size=size, heads=heads)
            say(f"running {name} in {setting.arithmetic}, memory {setting.memory}")
            model_bytes = open_bundle(bundles[name]).entries[MODEL_FILES["mnn"]].bytes
            rows.append(_row(build, setting, bundles[name], model_bytes, shown))
    return rows


def _row(build: NativeBuild, setting: Setting, bundle: Path, model_bytes: int, pictures: Path) -> EmulatedRow:
    words = [str(bundle), "--threads", "1", "--precision", setting.arithmetic]
    vectors = [] if setting.memory == "low" else _run(build, "dm_verify", words)
    bench = [*words, "--memory", setting.memory, "--pictures", str(pictures), "--runs", "2", "--warm-up-runs", "1"]
    events = {line["event"]: line for line in _run(build, "dm_bench", bench)}
    return EmulatedRow(
        setting=setting,
        used=events["loaded"]["precision_used"],
        file_bytes=model_bytes,
        engine_mib=round(events["loaded"]["mnn_memory_mib"], 1),
        process_mib=round(events["end"]["memory"]["hwm_kib"] / 1024, 1),
        equal=vectors[-1]["equal"] if vectors else None,
        kept=sum(line["objects"]["kept"] for line in vectors[:-1]),
        seen=sum(line["objects"]["seen"] for line in vectors[:-1]),
    )


def _run(build: NativeBuild, program: str, words: Sequence[str]) -> list[dict[str, Any]]:
    from deepmark.runtime.native.program import run_program

    _, lines = run_program(build, program, words, emulator=EMULATOR)
    if lines[-1]["event"] == "error":
        raise EngineError(f"{program} under emulation: {lines[-1]['message']}", hint=lines[-1]["hint"])
    return lines


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    add_export_arguments(parser, size="128")
    parser.add_argument("pictures", metavar="PICTURES", type=existing_file, nargs="+", help="Pictures to run on.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    from deepmark.models.size import parse_size

    found = measure(options.checkpoint, options.pictures, size=parse_size(options.size), heads=options.heads)
    if options.as_json:
        print_json(found)
        return
    columns = ["stored", "arithmetic", "memory", "file MB", "MNN MiB", "process MiB", "objects kept", "vectors"]
    title = f"{options.checkpoint.name} at {options.size}, emulated Cortex-A76"
    print_table(columns, [_cells(one) for one in found], title=title)
    say("process: the peak, emulator included; no time under emulation says anything about a phone")


def _cells(row: EmulatedRow) -> list[str]:
    verdict = {True: "pass", False: "differ", None: "-"}[row.equal]
    return [
        row.setting.stored,
        row.used,
        row.setting.memory,
        f"{row.file_bytes / 1e6:.2f}",
        f"{row.engine_mib:.0f}",
        f"{row.process_mib:.0f}",
        f"{row.kept} of {row.seen}" if row.seen else "-",
        verdict,
    ]
