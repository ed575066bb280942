"""How long the NumPy decoder takes, and where the time goes: ``python -m deepmark.benchmarks.studies.decoder_time``."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np

from deepmark import console
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.benchmarks.studies.support.scene import Load, make_scene
from deepmark.runtime.decoding import decoder, landmarks
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import ReadableHeads
from deepmark.runtime.keypoints.schema import KeypointSchema

WARM_UP = 20  # decodings before the first that counts

SETTINGS = {
    "all techniques": DecoderParams(),
    "all techniques, score floor 0.25": DecoderParams(score_threshold=0.25),
    "all techniques, soft-NMS": DecoderParams(nms="soft"),
    "baseline": DecoderParams.baseline(),
}

STAGES: dict[str, tuple[Any, str]] = {  # no stage runs inside another
    "check": (decoder, "_require_probabilities"),
    "blur hm": (decoder, "blur"),
    "centres": (decoder, "find_centres"),
    "candidates": (landmarks, "find_candidates"),
    "mask search": (landmarks, "_highest_under_mask"),
    "nearest search": (landmarks, "_nearest_peak"),
    "collect": (decoder, "_collect"),
    "suppress": (decoder, "suppress"),
}


@dataclass(frozen=True, slots=True)
class Workload:
    """Heads that are decoded one after the other, round and round."""

    name: str
    heads: tuple[ReadableHeads, ...]
    schema: KeypointSchema


@dataclass(frozen=True, slots=True)
class Timing:
    """One workload under one setting; times of one ``decode`` in milliseconds.

    Attributes:
        workload: name of the heads.
        setting: name of the parameters.
        objects: found per image, on average.
        strong: of these, with a final score of at least 0.2.
        refined: landmarks per image that come from the heatmap, on average.
        runs: decodings timed.
        median_ms: wall time.
        p90_ms: wall time.
        min_ms: wall time.
        cpu_median_ms: time on the core, which other programs on the machine disturb less.
        shares: stage -> part of the whole, from runs of their own.
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
class Report:
    """What was measured, and on what."""

    machine: str
    cores_used: int
    python: str
    numpy: str
    date: str
    timings: tuple[Timing, ...]


@click.command(
    epilog="Example:  python -m deepmark.benchmarks.studies.decoder_time build/demo/demo.deepmark models/demo/samples"
)
@click.argument("model", required=False, type=click.Path(path_type=Path, exists=True))
@click.argument("pictures", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--runs", default=400, show_default=True, type=click.IntRange(1), help="Decodings per row.")
@console.output_options
def main(model: Path | None, pictures: Path | None, runs: int, as_json: bool) -> None:
    """Time the decoder on one core: on a made-up scene and, with a MODEL and a folder of PICTURES, on real heads."""
    cores = _stay_on_one_core()
    schema = KeypointSchema.deepfashion2()
    workloads = [
        Workload(f"scene {side}x{side}", (make_scene(schema, Load((side, side))),), schema) for side in (32, 64)
    ]
    if model and pictures:
        workloads.append(_real_heads(model, pictures))
    timings = tuple(
        measure(workload, setting, params, runs) for workload in workloads for setting, params in SETTINGS.items()
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(machine_name(), cores, platform.python_version(), np.__version__, now, timings)
    if as_json:
        console.print_json(report)
    else:
        _print(report)


def measure(workload: Workload, setting: str, params: DecoderParams, runs: int) -> Timing:
    """Time ``decode`` over a workload, then once more with a clock around every stage."""
    found = [decoder.decode(heads, workload.schema, params) for heads in workload.heads]
    wall_ms, cpu_ms = _time(lambda heads: decoder.decode(heads, workload.schema, params), workload.heads, runs)
    with _clocks_around_stages() as spent_ns:
        whole_ms, _ = _time(lambda heads: decoder.decode(heads, workload.schema, params), workload.heads, runs // 4 + 1)
    whole_ns = float(whole_ms.sum()) * 1e6
    shares = {stage: round(ns / whole_ns, 3) for stage, ns in spent_ns.items() if ns}
    shares["rest"] = round(1 - sum(shares.values()), 3)
    return Timing(
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
        shares=shares,
    )


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


@contextmanager
def _clocks_around_stages() -> Iterator[dict[str, int]]:
    """Add up the nanoseconds that each of `STAGES` takes, warm-up left out, while the block runs."""
    spent = dict.fromkeys(STAGES, 0)
    calls = dict.fromkeys(STAGES, 0)

    def clocked(stage: str, function: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **kwargs: object) -> object:
            start = time.perf_counter_ns()
            result = function(*args, **kwargs)
            calls[stage] += 1
            if calls[stage] > WARM_UP:
                spent[stage] += time.perf_counter_ns() - start
            return result

        return run

    with ExitStack() as patches:
        for stage, (module, name) in STAGES.items():
            patches.enter_context(patch.object(module, name, clocked(stage, getattr(module, name))))
        yield spent


def _real_heads(model: Path, pictures: Path) -> Workload:
    from deepmark.runtime.engines.loading import load_engine
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.transform import letterbox

    engine = load_engine(model, threads=1)
    size = engine.manifest.input
    images = [read_picture(path) for path in sorted(pictures.iterdir()) if path.is_file()]
    heads = tuple(engine.heads(letterbox(image, (size.height, size.width))[0]) for image in images)
    return Workload(f"{len(heads)} pictures of {pictures.name}", heads, engine.manifest.keypoints)


def _stay_on_one_core() -> int:
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return 1


def _print(report: Report) -> None:
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


if __name__ == "__main__":
    console.run(main, "python -m deepmark.benchmarks.studies.decoder_time")
