"""A refiner without a model file: it moves every landmark that is given by a known step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.bundle_files import FolderFiles
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import SCHEMA_VERSION
from deepmark.runtime.refinement import refiner as refiner_module
from deepmark.runtime.refinement.refiner_bundle import OpenedRefiner
from deepmark.runtime.refinement.refiner_engine import RefinerEngine
from deepmark.runtime.refinement.refiner_manifest import IMAGE, POINTS, POSE, RefinerInput, RefinerManifest

SIDE = 64


class MovingSession:
    """Gives the pose moved by ``step`` pixels to the right, and keeps what it was asked."""

    def __init__(self, channels: int, step: float) -> None:
        self._channels, self._step = channels, step
        self.asked: list[dict[str, F32]] = []

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {IMAGE: (1, 3, SIDE, SIDE), POSE: (1, self._channels, 3)}

    def run_named(self, inputs: Mapping[str, F32]) -> dict[str, F32]:
        self.asked.append({name: values.copy() for name, values in inputs.items()})
        return {POINTS: inputs[POSE][..., :2] + np.array([self._step, 0], np.float32)}

    def close(self) -> None:
        """Nothing to free."""


def make_refiner_manifest(
    schema: KeypointSchema, channels: tuple[tuple[int, ...], ...] | None = None
) -> RefinerManifest:
    """Describe a refiner of a schema's groups, or of other channels."""
    given = schema.groups if channels is None else channels
    return RefinerManifest(
        schema_version=SCHEMA_VERSION,
        name="moving",
        created_by="tests",
        backbone="slim",
        precision="fp32",
        input=RefinerInput(height=SIDE, width=SIDE, sigma=2.0),
        keypoints=schema,
        channels=given,
        num_channels=1 + max(at for one in given for at in one),
        source_sha256="0" * 64,
    )


OpenMoving = Callable[[RefinerManifest, float], tuple[OpenedRefiner, MovingSession]]


def moving_bundles(monkeypatch: pytest.MonkeyPatch) -> OpenMoving:
    """Return what makes opened bundles whose engine is a `MovingSession`."""
    sessions: dict[int, MovingSession] = {}

    def load(model: OpenedRefiner, *_: object) -> RefinerEngine:
        return RefinerEngine(sessions[id(model)], model.manifest, "mnn")

    monkeypatch.setattr(refiner_module, "load_refiner_engine", load)

    def make(manifest: RefinerManifest, step: float) -> tuple[OpenedRefiner, MovingSession]:
        opened = OpenedRefiner(Path(f"{manifest.name}.deepmark"), manifest, {"mnn": "model.mnn"}, FolderFiles(Path()))
        sessions[id(opened)] = MovingSession(manifest.num_channels, step)
        return opened, sessions[id(opened)]

    return make


def detections(class_ids: list[int], keypoints: list[F64], scores: list[float] | None = None) -> Detections:
    """Detections with these landmarks."""
    count = len(class_ids)
    some = np.array(scores or [0.9 - 0.1 * n for n in range(count)], np.float32)
    boxes = [[*points.min(axis=0), *points.max(axis=0)] if len(points) else [0, 0, 9, 9] for points in keypoints]
    return Detections(
        class_ids=np.array(class_ids, np.int64),
        scores=some,
        box_scores=some,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        keypoints=tuple(points.astype(np.float32) for points in keypoints),
        keypoint_scores=tuple(np.full(len(points), 0.5, np.float32) for points in keypoints),
        refined=tuple(np.ones(len(points), np.bool_) for points in keypoints),
        keypoints_score=some,
    )
