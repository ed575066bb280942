"""Runs of `DetectionRun` on small pictures, and what lies in the output folder afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from garments import OneGarment
from media_files import encoded

from deepmark.runtime.detection_run import DetectionRun, RunSummary
from deepmark.runtime.detector import Detector
from deepmark.runtime.media.output_folder import OutputFolder
from deepmark.runtime.media.sources import PictureSource, Source


def make_picture(path: Path, size: tuple[int, int] = (60, 80)) -> PictureSource:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(np.full((*size, 3), 128, np.uint8), path.suffix))
    return PictureSource(path)


def run_detection(
    sources: Sequence[Source], folder: Path, detector: OneGarment | None = None, **more: Any
) -> RunSummary:
    stand_in = cast("Detector", detector or OneGarment())  # it has all that a run uses of one
    return DetectionRun(stand_in, OutputFolder(folder), lambda *_: None, **more).run(sources)


def result_records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def result_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}  # hidden ones too
