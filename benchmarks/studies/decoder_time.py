"""How long the NumPy decoder takes, and where the time goes.

Times decodings on one core: of a made-up scene and, with a MODEL and a folder of PICTURES, of real heads.

Examples:
  python -m deepmark.benchmarks.studies decoder_time build/demo/demo.deepmark models/demo/samples
"""

from __future__ import annotations

import platform
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from deepmark import console
from deepmark.benchmarks.studies.support.arguments import add_count, existing_folder, existing_path
from deepmark.benchmarks.studies.support.machine import machine_name, stay_on_one_core
from deepmark.benchmarks.studies.support.scene import SceneLoad, make_scene
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.stage_clock import STAGES, Stage, StageClock
from deepmark.runtime.heads.maps import ReadableHeads
from deepmark.runtime.keypoints.schema import KeypointSchema

WARM_UP = 20  # decodings before the first that counts

SETTINGS = {
    "all techniques": DecoderParams(),
    "all techniques, score floor 0.25": DecoderParams(score_threshold=0.25),
    "all techniques, soft-NMS": DecoderParams(nms="soft"),
    "baseline": DecoderParams.baseline(),
}


@dataclass(frozen=True, slots=True)
class DecoderWorkload:
    """Heads that are decoded one after the other, round and round.

    Attributes:
        name: name of the heads in the report.
        heads: heads of each picture.
        schema: keypoint schema of the heads.
    """

    name: str
    heads: tuple[ReadableHeads, ...]
    schema: KeypointSchema


@dataclass(frozen=True, slots=True)
class DecoderTiming:
    """One workload under one setting.

    Attributes:
        workload: name of the heads.
        setting: name of the parameters.
        objects: mean number of objects found in a picture.
        strong: mean number of objects in a picture with a final score of at least 0.2.
        refined: mean number of landmarks in a picture that come from the heatmap.
        runs: number of decodings timed.
        median_ms: median wall time of a decoding, in milliseconds.
        p90_ms: wall time that nine of ten decodings keep, in milliseconds.
        min_ms: shortest wall time of a decoding, in milliseconds.
        cpu_median_ms: median time on the core, which other programs disturb less, in milliseconds.
        shares: stage -> its part of the whole time, in [0, 1], from runs of their own.
    """

    workload: str
    setting: str
    objects: float
    strong: float
    refined: float
    runs: int
    median_ms: float
    p90_ms: float
    min_ms: float
    cpu_median_ms: float
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class DecoderReport:
    """What was measured, and on what.

    Attributes:
        machine: processor and system.
        cores_used: number of cores that the process could use.
        python: version of Python.
        numpy: version of NumPy.
        date: date and time of the measurement, UTC.
        timings: rows of the table.
    """

    machine: str
    cores_used: int
    python: str
    numpy: str
    date: str
    timings: tuple[DecoderTiming, ...]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("model", metavar="MODEL", nargs="?", type=existing_path, help="A bundle or model.")
    parser.add_argument("pictures", metavar="PICTURES", nargs="?", type=existing_folder, help="A folder of pictures.")
    add_count(parser, "--runs", 400, "Decodings per row.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    cores = stay_on_one_core()
    schema = KeypointSchema.deepfashion2()
    workloads = [
        DecoderWorkload(f"scene {side}x{side}", (make_scene(schema, SceneLoad((side, side))),), schema)
        for side in (32, 64)
    ]
    if options.model and options.pictures:
        workloads.append(_real_heads(options.model, options.pictures))
    timings = tuple(
        measure(workload, setting, params, options.runs)
        for workload in workloads
        for setting, params in SETTINGS.items()
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    report = DecoderReport(machine_name(), cores, platform.python_version(), np.__version__, now, timings)
    if options.as_json:
        console.print_json(report)
    else:
        _print(report)


def measure(workload: DecoderWorkload, setting: str, params: DecoderParams, runs: int) -> DecoderTiming:
    """Time ``decode`` over a workload, then once more with a clock for every stage."""
    found = [decode(heads, workload.schema, params) for heads in workload.heads]
    wall_ms, cpu_ms = _time(lambda heads: decode(heads, workload.schema, params), workload.heads, runs)
    return DecoderTiming(
        workload=workload.name,
        setting=setting,
        objects=float(np.mean([len(one) for one in found])),
        strong=float(np.mean([(one.scores >= 0.2).sum() for one in found])),
        refined=float(np.mean([sum(int(flags.sum()) for flags in one.refined) for one in found])),
        runs=runs,
        median_ms=round(float(np.median(wall_ms)), 3),
        p90_ms=round(float(np.percentile(wall_ms, 90)), 3),
        min_ms=round(float(wall_ms.min()), 3),
        cpu_median_ms=round(float(np.median(cpu_ms)), 3),
        shares=_shares(workload, params, runs // 4 + 1),
    )


def _shares(workload: DecoderWorkload, params: DecoderParams, runs: int) -> dict[str, float]:
    """Return the part that each stage has in ``runs`` decodings, and the rest."""
    clock = StageClock()
    before: dict[Stage, int] = {}
    whole_ns = 0
    for run in range(WARM_UP + runs):
        if run == WARM_UP:
            before = dict(clock.spent_ns)
        heads = workload.heads[run % len(workload.heads)]
        start = time.perf_counter_ns()
        decode(heads, workload.schema, params, clock=clock)
        whole_ns += time.perf_counter_ns() - start if run >= WARM_UP else 0
    shares: dict[str, float] = {
        stage: round((ns - before[stage]) / whole_ns, 3) for stage, ns in clock.spent_ns.items() if ns
    }
    return {**shares, "rest": round(1 - sum(shares.values()), 3)}


Times = np.ndarray[tuple[int], np.dtype[np.float64]]


def _time(
    decode_one: Callable[[ReadableHeads], object], heads: Sequence[ReadableHeads], runs: int
) -> tuple[Times, Times]:
    """Return wall and core time of ``runs`` decodings in milliseconds, after `WARM_UP` that do not count."""
    wall_ns, cpu_ns = np.zeros(WARM_UP + runs), np.zeros(WARM_UP + runs)
    for run in range(WARM_UP + runs):
        one = heads[run % len(heads)]
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        decode_one(one)
        cpu_ns[run] = time.thread_time_ns() - cpu
        wall_ns[run] = time.perf_counter_ns() - wall
    return wall_ns[WARM_UP:] / 1e6, cpu_ns[WARM_UP:] / 1e6


def _real_heads(model: Path, pictures: Path) -> DecoderWorkload:
    from deepmark.runtime.engines.loading import load_engine
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.transform import letterbox

    engine = load_engine(model, threads=1)
    size = engine.manifest.input
    images = [read_picture(path) for path in sorted(pictures.iterdir()) if path.is_file()]
    heads = tuple(engine.heads(letterbox(image, (size.height, size.width))[0]) for image in images)
    return DecoderWorkload(f"{len(heads)} pictures of {pictures.name}", heads, engine.manifest.keypoints)


def _print(report: DecoderReport) -> None:
    console.say(
        f"{report.machine}; {report.cores_used} core; Python {report.python}; NumPy {report.numpy}; {report.date}"
    )
    columns = ("heads", "setting", "objects", ">= .2", "refined", "median ms", "p90", "min", "core median")
    rows = [
        (
            one.workload,
            one.setting,
            f"{one.objects:.1f}",
            f"{one.strong:.1f}",
            f"{one.refined:.0f}",
            f"{one.median_ms:.2f}",
            f"{one.p90_ms:.2f}",
            f"{one.min_ms:.2f}",
            f"{one.cpu_median_ms:.2f}",
        )
        for one in report.timings
    ]
    console.print_table(columns, rows, title="Time of one decode")
    stages = (*STAGES, "rest")
    parts = [
        (one.workload, one.setting, *(f"{100 * one.shares.get(stage, 0):.0f}" for stage in stages))
        for one in report.timings
    ]
    console.print_table(("heads", "setting", *stages), parts, title="Share of each stage, %")
