"""What this project says of its speed, measured.

Exports dense and sparse bundles of CHECKPOINT, which has 62 groups, and of the same network with one channel for each
of the 294 landmarks, and lets them take turns on one pinned core with the rivals that are installed, on a folder of
PICTURES, with one thread. Every claim is a ratio of what took turns.

Examples:
  python -m deepmark.benchmarks.studies claims models/demo/mdla34_synthetic_fp16.pth models/demo/samples
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.studies.support.arguments import real
from deepmark.console import print_json, progress, say
from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.decoding.params import SHOWN_SCORE
from deepmark.runtime.heads.maps import STRIDE

if TYPE_CHECKING:
    from deepmark.benchmarks.result.document import BenchResult, ContestantResult

ENGINES = ("mnn", "onnxruntime")
TWELVE_MEGAPIXELS = (3000, 4000)  # height, width
SEED = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the table.

    Attributes:
        what: words for what is divided by what.
        ratio: the ratio that was found.
        low: lower end of the ratio's 95 % interval; None where nothing took turns.
        high: upper end of the ratio's 95 % interval; None where nothing took turns.
        goal: bound that the ratio should keep, for example ``"<= 0.85"``; empty where there is none.
        met: whether the ratio keeps the bound; None where there is none, and before `judged`.
    """

    what: str
    ratio: float
    low: float | None
    high: float | None
    goal: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Claims:
    """The table, and what it was measured on.

    Attributes:
        cpu: name of the processor.
        versions: name of an engine -> its version.
        date: date and time of the measurement, UTC.
        unstable: reasons why times may not be believed, one for each contestant; empty on a quiet machine.
        rows: rows of the table.
        results: both measurements, with all samples.
    """

    cpu: str
    versions: dict[str, str]
    date: str
    unstable: tuple[str, ...]
    rows: tuple[Claim, ...]
    results: tuple[BenchResult, ...]


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


def measure(checkpoint: Path, pictures: Path, *, size: int, rivals: Sequence[str], seconds: float) -> Claims:
    """Export, measure and divide.

    Args:
        checkpoint: checkpoint of mDLA-34 with 62 groups.
        pictures: folder of pictures to detect in.
        size: side of the input, in pixels.
        rivals: names out of `deepmark.benchmarks.speed.rivals.RIVALS`.
        seconds: time for each contestant, in seconds.

    Raises:
        DeepMarkError: the checkpoint cannot be exported or a model not be measured.
    """
    from deepmark.benchmarks.result.document import BenchPlan
    from deepmark.benchmarks.result.verdict import judge
    from deepmark.benchmarks.speed.benchmark import HostRequest, run_benchmark
    from deepmark.exporter import export

    plan = BenchPlan(rounds=6, runs=24, seconds=seconds, threshold=SHOWN_SCORE)
    with tempfile.TemporaryDirectory(prefix="deepmark-") as name, progress("exporting", 6, "steps") as advance:
        folder, bundles = Path(name), {}
        wide = one_channel_each(checkpoint, folder / "wide.pth")
        for groups, source in ((62, checkpoint), (294, wide)):
            for heads in ("dense", "sparse"):
                bundle = export(
                    source,
                    ("onnx", "mnn"),
                    folder,
                    size=(size, size),
                    heads=heads,
                    name=f"{heads}{groups}",
                    images=pictures,
                )
                bundles[heads, groups] = bundle.path
                advance()
        first = tuple(bundles[heads, 62] for heads in ("dense", "sparse"))
        say("dense and sparse heads in both engines, and rivals, in turns")
        engines = run_benchmark(
            HostRequest(models=first, engines="all", rivals=tuple(rivals), images=pictures, plan=plan)
        )
        advance()
        say("62 groups and 294 landmarks in turns")
        grouping = run_benchmark(HostRequest(models=tuple(bundles.values()), engines="mnn", images=pictures, plan=plan))
        advance()
    rows = (*_engine_rows(engines), *_decoder_rows(engines), *_grouping_rows(grouping))
    faults = tuple(f"{one.name}: {one.reasons[0]}" for one in judge(engines) if not one.stable)
    versions = {one.engine: one.version for one in engines.contestants}
    return Claims(engines.machine.cpu, versions, engines.created, faults, rows, (engines, grouping))


def _engine_rows(result: BenchResult) -> list[Claim]:
    from deepmark.benchmarks.result.figures import against_fastest, paired
    from deepmark.benchmarks.result.statistics import summarise

    rows = []
    for engine in ENGINES:
        dense, sparse = (_only(result, engine, layout) for layout in ("dense", "sparse"))
        found = paired(dense, "total", sparse, "total")
        rows.append(Claim(f"dense / sparse frame, {engine}", found.value, found.low, found.high, ">= 1.20", None))
    frames = {one.name: one for one in result.contestants if one.kind == "model" and one.layout == "sparse"}
    best = min(frames.values(), key=lambda one: summarise(one.times("total")).median)
    for one in against_fastest(result):
        if one.name == best.name:
            what = f"frame, {best.engine} sparse, all techniques / {one.rival}"
            rows.append(Claim(what, one.ratio.value, one.ratio.low, one.ratio.high, "<= 0.85", None))
    return rows


def _decoder_rows(result: BenchResult) -> list[Claim]:
    from deepmark.benchmarks.result.figures import paired
    from deepmark.benchmarks.result.statistics import summarise

    one = _only(result, "mnn", "dense")
    share = paired(one, "decode", one, "network")
    network = summarise(one.times("network")).median
    height, width = (int(side) for side in one.size.split("x"))
    crowd = _crowd_ms((height // STRIDE, width // STRIDE))
    boxed = _letterbox_ms((height, width))
    return [
        Claim("decoder / network, demo pictures, mnn dense", share.value, share.low, share.high, "<= 0.02", None),
        Claim("decoder / network, made-up crowd, mnn dense", crowd / network, None, None, "<= 0.05", None),
        Claim("letterbox of 12 megapixels / network, mnn dense", boxed / network, None, None, "<= 0.01", None),
    ]


def _grouping_rows(result: BenchResult) -> list[Claim]:
    from deepmark.benchmarks.result.figures import paired

    rows = []
    for layout in ("dense", "sparse"):
        few, many = (_only(result, "mnn", layout, groups) for groups in (62, 294))
        found = paired(few, "total", many, "total")
        what = f"62 groups / 294 landmarks, mnn {layout}"
        rows += [
            Claim(f"{what}: frame (paper: 0.75)", found.value, found.low, found.high, "", None),
            Claim(f"{what}: memory (paper: 0.85)", few.memory.peak / many.memory.peak, None, None, "", None),
            Claim(f"{what}: file", few.file_bytes / many.file_bytes, None, None, "", None),
        ]
    return rows


def _only(result: BenchResult, engine: str, layout: str, groups: int = 62) -> ContestantResult:
    wanted = (engine, layout, groups)
    return next(
        one for one in result.contestants if one.kind == "model" and (one.engine, one.layout, one.groups) == wanted
    )


def _crowd_ms(cells: tuple[int, int]) -> float:
    from deepmark.benchmarks.studies.support.scene import SceneLoad, make_scene
    from deepmark.runtime.decoding.decoder import decode
    from deepmark.runtime.decoding.params import DecoderParams
    from deepmark.runtime.keypoints.schema import KeypointSchema

    schema = KeypointSchema.deepfashion2()
    heads, params = make_scene(schema, SceneLoad(cells)), DecoderParams(score_threshold=SHOWN_SCORE)
    return _median_ms(lambda: decode(heads, schema, params), 60)


def _letterbox_ms(size: tuple[int, int]) -> float:
    from deepmark.runtime.transform import letterbox

    image: Image8 = np.random.default_rng(SEED).integers(0, 256, (*TWELVE_MEGAPIXELS, 3), np.uint8)
    return _median_ms(lambda: letterbox(image, size), 60)


def _median_ms(work: Callable[[], object], runs: int) -> float:
    times = []
    for number in range(runs + 5):
        start = time.perf_counter()
        work()
        if number >= 5:
            times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def judged(claim: Claim) -> Claim:
    """Say whether a claim holds; one without a goal is a figure only."""
    if not claim.goal:
        return claim
    sign, limit = claim.goal.split()
    return replace(claim, met=claim.ratio >= float(limit) if sign == ">=" else claim.ratio <= float(limit))


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="A checkpoint of mDLA-34 with 62 groups.")
    parser.add_argument("pictures", metavar="PICTURES", type=Path, help="A folder of pictures to detect in.")
    parser.add_argument(
        "--size", type=int, metavar="N", default=256, help="Side of the input, pixels.  [default: %(default)s]"
    )
    parser.add_argument(
        "--against",
        metavar="NAMES",
        default="mnn,onnxruntime,ncnn,openvino",
        help="Rivals, with commas.  [default: %(default)s]",
    )
    parser.add_argument(
        "--seconds",
        type=real(0.001),
        metavar="S",
        default=8.0,
        help="Seconds for each contestant.  [default: %(default)s]",
    )


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    rivals = tuple(options.against.split(","))
    found = measure(options.checkpoint, options.pictures, size=options.size, rivals=rivals, seconds=options.seconds)
    found = replace(found, rows=tuple(map(judged, found.rows)))
    if options.as_json:
        print_json(found)
        return
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    say(f"{found.cpu}; {versions}; {found.date}; {options.size} x {options.size}, one thread\n")
    say("| ratio | found | 95 % | goal | met |\n| --- | --- | --- | --- | --- |")
    for one in found.rows:
        interval = "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
        met = {None: "", True: "yes", False: "no"}[one.met]
        say(f"| {one.what} | {one.ratio:.3f} | {interval} | {one.goal} | {met} |")
    for failure in (one for result in found.results for one in result.failures):
        say(f"not measured: {failure.name}: {failure.error}")
    for sentence in found.unstable:
        say(f"not quiet: {sentence}")
