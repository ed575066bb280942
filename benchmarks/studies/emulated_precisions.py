"""Memory and equality of every precision on an emulated aarch64 processor, where there is no phone.

``python -m deepmark.benchmarks.studies.emulated_precisions CHECKPOINT PICTURE...`` exports the network in every
precision, cross-builds the C++ programs, and runs them under ``qemu-aarch64-static -cpu cortex-a76``: ``dm_verify`` on
the bundle's golden vectors, ``dm_bench`` for memory. MNN's figure is what its session holds and is the phone's; the
process's peak holds the emulator, too. Times under emulation say nothing and are not shown.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.console import output_options, print_json, print_table, run, say
from deepmark.errors import EngineError
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT, LAYOUTS

if TYPE_CHECKING:
    from deepmark.runtime.native import NativeBuild
    from deepmark.runtime.provenance import PrecisionName

EMULATOR = ("qemu-aarch64-static", "-cpu", "cortex-a76")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is stored, and how MNN is told to compute."""

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
        file_bytes: of the model file.
        engine_mib: what MNN says that its session holds.
        process_mib: peak of the process, emulator included.
        equal: whether the golden vectors passed; None with low memory, which they are not run with.
        kept: objects that both sides see alike, of those that either sees, over all golden vectors.
        seen: these.
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
        size: height, width of the network's input, pixels.
        heads: layout of the graph.

    Raises:
        DeepMarkError: a tool is missing, an export failed, or a program crashed.
    """
    from deepmark.benchmarks.speed.samples import write_ppm_files
    from deepmark.exporter.pipeline import export
    from deepmark.exporter.precision.plan import Limits
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
                say(f"exporting in {name}")
                bundles[name] = export(
                    checkpoint,
                    to=("mnn",),
                    output=folder,
                    name=f"network-{name}",
                    size=size,
                    heads=heads,
                    precision=name,
                    limits=Limits(min_kept=0),
                ).path
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


@click.command(name="emulated_precisions")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("pictures", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--size", metavar="N|HxW", default="128", show_default=True, help="Input size, pixels.")
@click.option("--heads", type=click.Choice(list(LAYOUTS)), default=DEFAULT_LAYOUT, show_default=True, help="Layout.")
@output_options
def command(checkpoint: Path, pictures: tuple[Path, ...], size: str, heads: str, as_json: bool) -> None:
    """Run CHECKPOINT in every precision on an emulated Cortex-A76; print memory and whether it is equal."""
    from deepmark.models.size import parse_size

    found = measure(checkpoint, pictures, size=parse_size(size), heads=heads)
    if as_json:
        print_json(found)
        return
    columns = ["stored", "arithmetic", "memory", "file MB", "MNN MiB", "process MiB", "objects kept", "vectors"]
    print_table(columns, [_cells(one) for one in found], title=f"{checkpoint.name} at {size}, emulated Cortex-A76")
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


if __name__ == "__main__":
    run(command, "python -m deepmark.benchmarks.studies.emulated_precisions")
