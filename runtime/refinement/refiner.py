"""Landmarks that a detector found -> the same landmarks, nearer to where they are (PoseFix).

Boxes, classes and scores stay the detector's: mAP of boxes is the same by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepmark.errors import BundleError, DataError, UsageError
from deepmark.runtime.arrays import F32, F64, Image8
from deepmark.runtime.bundle import Backend
from deepmark.runtime.closing import Closing
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.preprocess import require_picture
from deepmark.runtime.refinement.oks_nms import oks_nms
from deepmark.runtime.refinement.pose_crop import PoseCrop
from deepmark.runtime.refinement.refiner_bundle import OpenedRefiner, open_refiner
from deepmark.runtime.refinement.refiner_engine import RefinerEngine, load_refiner_engine

LEAST_SCORE = 0.05  # an object below it counts for next to nothing, and a picture may have 100


@dataclass(frozen=True, slots=True)
class RefinerRequest:
    """What to refine landmarks with, as it was asked for.

    Attributes:
        bundles: bundles of refiners; empty for none.
        flip: whether the mirror image is looked at too.
        nms: OKS above which an object removes a worse one; None for no suppression.
    """

    bundles: tuple[Path, ...] = ()
    flip: bool = False
    nms: float | None = None

    def check(self) -> None:
        """Refuse options without effect.

        Raises:
            UsageError: there is no refiner, but options say how to use it.
        """
        if not self.bundles and (self.flip or self.nms is not None):
            raise UsageError(
                "--refine-flip and --refine-nms say how to refine, but nothing is refined",
                hint="give the refiner's bundle: --refine BUNDLE",
            )

    @contextmanager
    def opened(self, threads: int | None = None) -> Iterator[Refiner | None]:
        """Load what was asked for until the block ends; None where nothing was.

        Raises:
            DeepMarkError: see `Refiner`.
        """
        if not self.bundles:
            yield None
            return
        with Refiner(self.bundles, threads=threads, flip=self.flip, nms=self.nms) as refiner:
            yield refiner


class Refiner(Closing):
    """One or several loaded refiners: one for all classes, or one a class. Safe to call from several threads.

    Args:
        models: bundle that `open_refiner` takes, or several of which each refines other classes.
        threads: number of threads to compute with, see `load_refiner_engine`; None for its default.
        backend: name of the engine, see `load_refiner_engine`; None for its default.
        flip: whether a landmark is the mean of what the crop and its mirror give: twice the time.
        nms: OKS above which an object removes a worse one of its class afterwards, `oks_nms`; None for no suppression.
        least_score: score from which on an object is refined; others stay as they are.

    Attributes:
        schema: classes and landmarks.

    Raises:
        BundleError: a bundle is damaged, or two refine the same class or other landmarks.
        UsageError: there is none, or ``nms`` or ``least_score`` lies outside [0, 1].

    Example::

        refiner = Refiner("shirts-refiner.deepmark")
        detections = refiner(picture, detector(picture))
    """

    def __init__(
        self,
        models: str | Path | OpenedRefiner | Sequence[str | Path | OpenedRefiner],
        *,
        threads: int | None = None,
        backend: Backend | None = None,
        flip: bool = False,
        nms: float | None = None,
        least_score: float = LEAST_SCORE,
    ) -> None:
        given = [models] if isinstance(models, (str, Path, OpenedRefiner)) else list(models)
        if not given:
            raise UsageError("there is no refiner to load")
        for name, value in (("nms", nms), ("least_score", least_score)):
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{name} of a refiner must be in [0, 1], found {value}")
        opened = [one if isinstance(one, OpenedRefiner) else open_refiner(one) for one in given]
        self.schema = opened[0].manifest.keypoints
        self._by_class = _assign(opened)
        self._engines = {at: load_refiner_engine(one, threads, backend) for at, one in enumerate(opened)}
        self._flip, self._nms, self._least_score = flip, nms, least_score

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes that are refined."""
        return tuple(self._by_class)

    def require_schema(self, schema: KeypointSchema, detector: str) -> None:
        """Require that a detector finds the landmarks that are refined.

        Args:
            schema: classes and landmarks of the detector.
            detector: name of the detector in errors.

        Raises:
            BundleError: it finds boxes only, or other landmarks.
        """
        if not schema.num_groups:
            raise BundleError(f"{detector} finds boxes only: it has no landmarks to refine", hint="leave --refine out")
        if difference := _difference(self.schema, schema):
            mine, theirs = difference
            raise BundleError(
                f"the refiner is for other landmarks than {detector} finds: for {mine}, not for {theirs}",
                hint="give a refiner that was trained with the model's own schema, or leave --refine out",
            )

    def __call__(self, image: Image8, found: Detections) -> Detections:
        """Refine the landmarks of objects in a picture.

        Args:
            image: (H, W, 3) uint8, BGR: the picture that they were found in.
            found: objects with boxes and landmarks in pixels of this picture.

        Returns:
            The same objects in the same order, with other landmarks; without those that ``nms`` removes.

        Raises:
            DataError: it is no such picture, or an object has no landmarks, or not those of its class.
            EngineError: the engine failed.
        """
        require_picture(image)
        keypoints = tuple(
            self._refined(image, int(class_id), points) if score >= self._least_score else points
            for class_id, score, points in zip(found.class_ids, found.scores, found.keypoints, strict=True)
        )
        refined = replace(found, keypoints=keypoints)
        return refined if self._nms is None else oks_nms(refined, self.schema, self._nms)

    def close(self) -> None:
        """Free the models."""
        for engine in self._engines.values():
            engine.close()

    def _refined(self, image: Image8, class_id: int, points: F32) -> F32:
        if not 0 <= class_id < len(self.schema.classes):
            raise DataError(f"a detection is of class {class_id}, the refiner knows {len(self.schema.classes)}")
        one = self.schema.classes[class_id]
        if points.shape != (len(one.groups), 2):
            raise DataError(
                f"a detection of class {one.name!r} has landmarks {points.shape}, expected ({len(one.groups)}, 2)",
                hint="a refiner moves landmarks that were found: use a detector with these landmarks",
            )
        if class_id not in self._by_class:
            return points
        engine = self._engines[self._by_class[class_id]]
        size = engine.manifest.input
        crop = PoseCrop.of_pose(points, (size.height, size.width))
        cut, inside = crop.cut(image), crop.to_input(points)
        channels = list(engine.manifest.channels[class_id])
        refined = _run(engine, cut, inside, channels)
        if self._flip:
            partner = list(one.mirror)
            mirrored = _mirror(inside[partner], size.width)
            other = _run(engine, np.ascontiguousarray(cut[:, ::-1]), mirrored, channels)
            refined = (refined + _mirror(other, size.width)[partner]) / 2
        return crop.to_picture(refined).astype(np.float32)


def _run(engine: RefinerEngine, cut: Image8, points: F64, channels: list[int]) -> F64:
    pose = np.zeros((engine.manifest.num_channels, 3), np.float32)
    pose[channels, :2], pose[channels, 2] = points, 1
    return engine.points(cut, pose)[channels]


def _mirror(points: F64, width: int) -> F64:
    return np.stack([width - 1 - points[:, 0], points[:, 1]], axis=1)


def _assign(opened: Sequence[OpenedRefiner]) -> dict[int, int]:
    """Return class -> number of the bundle that refines it.

    Raises:
        BundleError: two bundles refine one class, or belong to other landmarks.
    """
    first = opened[0]
    assigned: dict[int, int] = {}
    for at, one in enumerate(opened):
        if difference := _difference(first.manifest.keypoints, one.manifest.keypoints):
            mine, theirs = difference
            raise BundleError(
                f"{first.path} and {one.path} are for different landmarks: for {mine}, and for {theirs}",
                hint="give refiners of one schema",
            )
        for class_id, channels in enumerate(one.manifest.channels):
            if channels and class_id in assigned:
                name = one.manifest.keypoints.class_names[class_id]
                raise BundleError(
                    f"{one.path} and {opened[assigned[class_id]].path} both refine {name!r}", hint="give one of them"
                )
            if channels:
                assigned[class_id] = at
    return assigned


def _difference(one: KeypointSchema, other: KeypointSchema) -> tuple[str, str] | None:
    """Name the first class or landmark in which two schemas differ; None where they are the same, however grouped."""
    names, others = one.class_names, other.class_names
    if len(names) != len(others):
        return _shown(names), _shown(others)
    for number, (mine, theirs) in enumerate(zip(one.classes, other.classes, strict=True), 1):
        if mine.name != theirs.name:
            return f"class {number}, {mine.name!r}", repr(theirs.name)
        points, their_points = mine.keypoint_names, theirs.keypoint_names
        if len(points) != len(their_points):
            return f"{len(points)} landmarks of {mine.name!r}", f"{len(their_points)}"
        for at, (point, their_point) in enumerate(zip(points, their_points, strict=True), 1):
            if point != their_point:
                return f"{point!r} as landmark {at} of {mine.name!r}", repr(their_point)
    return None


def _shown(names: tuple[str, ...]) -> str:
    return f"{names[0]!r}" if len(names) == 1 else f"{len(names)} classes from {names[0]!r}"
