"""What this project says of its speed, measured.

Every claim is a ratio of neighbours in time: what is compared takes turns, and each turn is divided by the one beside
it, so that a machine whose speed drifts changes both. Processor time, in which what others compute does not count,
stands beside.

Frames: exports dense and sparse bundles of CHECKPOINT, which has 62 groups, and of the same network with one channel
for each of the 294 landmarks, and lets them take turns on one pinned core, with one thread, with the rivals that are
installed, on a folder of PICTURES; then on the same pictures cut to 3:4 and to 16:9 with inputs of their own shape,
where rivals keep the square. Bounds are of the kind of this processor. MNN's rewritten network runs in turns with the
paper's own.

Commands: with --against COMMIT export, the start of detect and eval run here and as they were at that commit, in
turns, by the same interpreter. The commit's files lie in a temporary folder meanwhile.

Examples:
  python -m deepmark.benchmarks.studies claims models/demo/mdla34_synthetic_fp16.pth models/demo/samples
  python -m deepmark.benchmarks.studies claims models/demo/mdla34_synthetic_fp16.pth models/demo/samples --against v0.1
  python -m deepmark.benchmarks.studies claims model.pth pictures --only commands --against HEAD~20 --command-rounds 9
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepmark.benchmarks.studies.claims.claim import Claim, judged
from deepmark.benchmarks.studies.claims.processor import GOALS, Kind, processor_kind
from deepmark.benchmarks.studies.support.arguments import add_count, existing_folder, real
from deepmark.benchmarks.studies.support.commit_tree import tree_of
from deepmark.console import print_json, progress, say
from deepmark.errors import DataError, UsageError
from deepmark.runtime.cpu import cpu_name

if TYPE_CHECKING:
    from deepmark.benchmarks.result.document import BenchPlan, BenchResult

TALL, WIDE = (4, 3), (9, 16)  # height, width
PARTS = ("frames", "shapes", "rewrites", "groups", "commands")
Part = Literal["frames", "shapes", "rewrites", "groups", "commands"]


@dataclass(frozen=True, slots=True)
class Claims:
    """The table, and what it was measured on.

    Attributes:
        cpu: name of the processor.
        kind: widest vectors of the processor that engines choose by; bounds are of it.
        versions: name of an engine -> its version.
        date: date and time of the measurement, UTC.
        notes: how the machine behaved meanwhile.
        rows: rows of the table.
        results: measurements of frames, with all samples.
    """

    cpu: str
    kind: Kind
    versions: dict[str, str]
    date: str
    notes: tuple[str, ...]
    rows: tuple[Claim, ...]
    results: tuple[BenchResult, ...]


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What to measure.

    Attributes:
        checkpoint: checkpoint of mDLA-34 with 62 groups.
        pictures: folder of pictures to detect in.
        size: side of the input, in pixels.
        rivals: names out of `deepmark.benchmarks.speed.rivals.RIVALS`.
        seconds: time for each contestant, in seconds.
        rounds: turns of each contestant.
        parts: what to measure.
        against: commit to hold commands against; None to leave them out.
        command_rounds: rounds of each command.
    """

    checkpoint: Path
    pictures: Path
    size: int
    rivals: tuple[str, ...]
    seconds: float
    rounds: int
    parts: tuple[Part, ...]
    against: str | None
    command_rounds: int


def one_channel_each(source: Path, target: Path) -> Path:
    """Write a checkpoint of the same network with a channel for each of the 294 landmarks, a copy of its group's."""
    import torch

    from deepmark.models.checkpoint import read_checkpoint
    from deepmark.runtime.keypoints.schema import KeypointSchema

    groups = [group for one in KeypointSchema.deepfashion2(62).groups for group in one]  # of each landmark
    tensors = dict(read_checkpoint(source).tensors)
    for head, per_group in (("hps", 2), ("hm_hp", 1)):
        rows = torch.tensor([per_group * group + at for group in groups for at in range(per_group)])
        for name in (f"{head}.2.weight", f"{head}.2.bias"):
            if name not in tensors:
                raise DataError(f"{source} has no {name}", hint="give a checkpoint of mDLA-34 with 62 groups")
            tensors[name] = tensors[name][rows]
    torch.save(tensors, target)
    return target


def measure(request: ClaimRequest) -> Claims:
    """Export, measure and divide.

    Raises:
        DeepMarkError: there is no such commit, the checkpoint cannot be exported, or a model or a command not be
            measured.
    """
    with ExitStack() as stack:
        # First of all: a commit that is not there is told before anything is measured.
        wanted = request.against if "commands" in request.parts else None
        before = None if wanted is None else stack.enter_context(tree_of(wanted))
        rows, notes, results = _measure_frames(request)
        if before is not None:
            from deepmark.benchmarks.studies.claims.commands import CommandRequest, against

            found, drift = against(
                before, CommandRequest(request.checkpoint, request.pictures, request.size, request.command_rounds)
            )
            rows, notes = [*rows, *found], [*notes, drift]
    versions = {one.engine: one.version for result in results for one in result.contestants}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    judged_rows = tuple(map(judged, rows))
    return Claims(cpu_name(), processor_kind(), versions, date, tuple(notes), judged_rows, tuple(results))


def _measure_frames(request: ClaimRequest) -> tuple[list[Claim], list[str], list[BenchResult]]:
    from deepmark.benchmarks.result.document import BenchPlan
    from deepmark.benchmarks.studies.claims.frames import (
        decoder_rows,
        drift_of,
        engine_rows,
        fastest_row,
        grouping_rows,
    )
    from deepmark.runtime.decoding.params import SHOWN_SCORE

    plan = BenchPlan(rounds=request.rounds, runs=3 * request.rounds, seconds=request.seconds, threshold=SHOWN_SCORE)
    rows: list[Claim] = []
    results: dict[str, BenchResult] = {}
    goals = GOALS[processor_kind()]
    with tempfile.TemporaryDirectory(prefix="deepmark-") as name:
        folder = Path(name)
        bundles = _export_all(request, folder)
        if "frames" in request.parts:
            found = results["frames"] = _bench(request, plan, bundles[:2], request.pictures)
            rows += [*engine_rows(found), *decoder_rows(found)]
        for words, shape, limit in (("3:4", TALL, goals.tall), ("16:9", WIDE, goals.wide)):
            if "shapes" in request.parts:
                shaped = cut_pictures(request.pictures, folder / words.replace(":", "x"), shape)
                found = results[words] = _bench(request, plan, bundles[:2], shaped, fit="rect")
                rows.append(fastest_row(found, f"frame at {words}", limit))
        if "rewrites" in request.parts:
            from deepmark.benchmarks.studies.claims.rewrites import rewritten_row

            say("the network that MNN gets and the paper's in turns")
            rows.append(rewritten_row(bundles[1], folder, size=request.size, rounds=4 * request.rounds))
        if "groups" in request.parts:
            found = results["groups"] = _bench(request, plan, bundles, request.pictures, engines="mnn", rivals=())
            rows += grouping_rows(found)
    notes = [f"{words}: {note}" for words, one in results.items() for note in _notes(one, drift_of(one))]
    return rows, notes, list(results.values())


def _export_all(request: ClaimRequest, folder: Path) -> list[Path]:
    """Export what the parts asked for need: dense and sparse heads, of 62 groups and of 294 landmarks."""
    from deepmark.exporter import export

    sources = [(62, request.checkpoint)] if {"frames", "shapes", "rewrites", "groups"} & set(request.parts) else []
    if "groups" in request.parts:
        sources.append((294, one_channel_each(request.checkpoint, folder / "wide.pth")))
    bundles = []
    with progress("exporting", 2 * len(sources), "bundles") as advance:
        for groups, source in sources:
            for heads in ("dense", "sparse"):
                bundle = export(
                    source,
                    ("onnx", "mnn"),
                    folder,
                    size=request.size,
                    heads=heads,
                    name=f"{heads}{groups}",
                    images=request.pictures,
                )
                bundles.append(bundle.path)
                advance()
    return bundles


def _bench(
    request: ClaimRequest,
    plan: BenchPlan,
    bundles: Sequence[Path],
    pictures: Path,
    *,
    fit: Literal["square", "rect"] = "square",
    engines: Literal["all", "mnn"] = "all",
    rivals: tuple[str, ...] | None = None,
) -> BenchResult:
    from deepmark.benchmarks.speed.benchmark import HostRequest, run_benchmark
    from deepmark.runtime.multi_inference import MultiInference

    say(f"{', '.join(one.stem for one in bundles)} and rivals in turns, {fit}, on {pictures.name}")
    return run_benchmark(
        HostRequest(
            models=tuple(bundles),
            engines=engines,
            rivals=request.rivals if rivals is None else rivals,
            images=pictures,
            plan=plan,
            inferences=(MultiInference(fit=fit),),
        ),
        progress=progress,
    )


def _notes(result: BenchResult, drift: float) -> list[str]:
    """Say how the machine behaved: pairs take care of it, and a reader may judge by it."""
    cores = [turn.conditions for one in result.contestants for turn in one.rounds]
    total = sum(one.core_s for one in cores)
    others = sum(one.busy_s - one.own_s + one.steal_s for one in cores) / total if total else 0.0
    slowest = f"{result.contestants[0].name} itself took up to {drift:.0%} longer in one turn than in another"
    return [
        f"{slowest}; others used {others:.0%} of its core",
        *(f"not measured: {one.sentence}" for one in result.failures),
    ]


def cut_pictures(source: Path, target: Path, shape: tuple[int, int]) -> Path:
    """Write the middle of every picture, as large as it can be in a shape (height, width), into a new folder.

    Raises:
        DataError: there is no picture.
    """
    import cv2

    from deepmark.exporter.pictures import cut_to_shape
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.media.picture_folder import list_pictures

    target.mkdir()
    for path in list_pictures(source):
        cv2.imwrite(str(target / f"{path.stem}.png"), cut_to_shape(read_picture(path), shape))
    if not any(target.iterdir()):
        raise DataError(f"{source} holds no picture")
    return target


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="A checkpoint of mDLA-34 with 62 groups.")
    parser.add_argument("pictures", metavar="PICTURES", type=existing_folder, help="A folder of pictures to detect in.")
    parser.add_argument(
        "--size", type=int, metavar="N", default=256, help="Side of the input, pixels.  [default: %(default)s]"
    )
    parser.add_argument(
        "--only",
        metavar="PARTS",
        default=",".join(PARTS),
        help="What to measure, with commas.  [default: %(default)s]",
    )
    parser.add_argument(
        "--rivals",
        metavar="NAMES",
        default="mnn,onnxruntime,ncnn,openvino",
        help="Rivals, with commas.  [default: %(default)s]",
    )
    parser.add_argument(
        "--seconds",
        type=real(0.001),
        metavar="S",
        default=16.0,
        help="Seconds for each contestant.  [default: %(default)s]",
    )
    add_count(parser, "--rounds", 16, "Turns of each contestant.")
    parser.add_argument("--against", metavar="COMMIT", help="Hold export, detect and eval against this commit.")
    add_count(parser, "--command-rounds", 7, "Rounds of each command.")


def run(options: Namespace) -> None:
    """Measure, and print what was found.

    Raises:
        UsageError: there is no such part or rival.
    """
    from deepmark.benchmarks.speed.rivals import RIVALS

    if strange := set(options.rivals.split(",")) - set(RIVALS):
        raise UsageError(f"there is no rival {', '.join(sorted(strange))}", hint=f"choose from {', '.join(RIVALS)}")
    parts = tuple(one for one in PARTS if one in options.only.split(","))
    if unknown := set(options.only.split(",")) - set(PARTS):
        raise UsageError(f"there is no part {', '.join(sorted(unknown))}", hint=f"choose from {', '.join(PARTS)}")
    if "commands" in options.only.split(",") and options.only != ",".join(PARTS) and options.against is None:
        raise UsageError("commands are held against a commit", hint="add --against COMMIT")
    found = measure(
        ClaimRequest(
            checkpoint=options.checkpoint,
            pictures=options.pictures,
            size=options.size,
            rivals=tuple(options.rivals.split(",")),
            seconds=options.seconds,
            rounds=options.rounds,
            parts=parts,  # type: ignore[arg-type]  # each was found in `PARTS`
            against=options.against,
            command_rounds=options.command_rounds,
        )
    )
    if options.as_json:
        print_json(found)
    else:
        _print(found, options.size)


def _print(found: Claims, size: int) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    say(f"{found.cpu} ({found.kind}); {versions}; {found.date}; {size} x {size}, one thread but for commands\n")
    say("| ratio | found | 95 % | processor time | goal | met |\n| --- | --- | --- | --- | --- | --- |")
    for one in found.rows:
        interval = "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
        processor = "" if one.processor is None else f"{one.processor:.3f}"
        say(f"| {one.what} | {one.ratio:.3f} | {interval} | {processor} | {one.goal} | {one.met or ''} |")
    say("")
    for sentence in found.notes:
        say(sentence)
