"""Runs of `DetectionRun` on small pictures, and what lies in the output folder afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from garments import OneGarment
from media_files import encoded

from deepmark.runtime.detection_run import DetectionRun, RunSummary
from deepmark.runtime.media.output_folder import OutputFolder
from deepmark.runtime.media.sources import PictureSource, Source


def make_picture(path: Path, size: tuple[int, int] = (60, 80)) -> PictureSource:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(np.full((*size, 3), 128, np.uint8), path.suffix))
    return PictureSource(path)


def run_detection(sources: list[Source], folder: Path, detector: Any = None, **more: Any) -> RunSummary:
    return DetectionRun(detector or OneGarment(), OutputFolder(folder), lambda *_: None, **more).run(sources)


def result_records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def result_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}  # hidden ones too
