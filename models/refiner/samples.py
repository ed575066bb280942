"""Pictures and labels -> what a training step of a refiner takes; sample k is the same whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from deepmark.errors import DataError
from deepmark.models.refiner.errors import NEAR_IOU, PoseTruth, error_shares, is_person, synthesise
from deepmark.models.training.chance import stream
from deepmark.models.training.pictures import Label, TrainingPictures
from deepmark.runtime.arrays import F32, F64, I64, Image8, Mask
from deepmark.runtime.boxes import iou
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.refinement.pose_crop import POSE_MARGIN, PoseCrop, warp

SCALE = 0.3  # sigma and largest change of the shown box's size
ROTATION_DEGREES = 40.0  # sigma of the turn; at most twice that
ROTATED_SHARE = 0.6
_ORDER, _CHANCE = 0, 1  # streams of chance that do not disturb each other
_ATTEMPTS = 50  # pictures that are looked at for an object with a labelled landmark


@dataclass(frozen=True, slots=True, eq=False)
class RefinerSample:
    """One object for the network; positions in pixels of the input, channels as the training has them.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        pose: (K, 3) x, y, given: landmarks with synthesised errors.
        truth: (K, 2) where they are.
        counts: (K,) whether a landmark is labelled and inside the input.
        radius: (K,) distance at which a landmark's OKS is exp(-1/2).
    """

    image: Image8
    pose: F32
    truth: F32
    counts: Mask
    radius: F32


@dataclass(frozen=True, slots=True, eq=False)
class RefinerBatch:
    """B samples as tensors: (B, 3, H, W), (B, K, 3), (B, K, 2), (B, K) and (B, K)."""

    image: Tensor
    pose: Tensor
    truth: Tensor
    counts: Tensor
    radius: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class RefinerSamples:
    """An endless row of samples: pictures in an order of chance, of each one object by chance, with drawn errors.

    Sample k depends on the seed and k alone.

    Attributes:
        pictures: pictures that the samples are made of.
        schema: classes and landmarks.
        channels: channel of each landmark, class by class; empty for a class that is left out.
        num_channels: number of channels.
        input_hw: height and width of the input, in pixels.
        seed: seed of order, augmentation and errors.
        augment: strength of augmentation; None shows every object upright, unmirrored and in its own size.
    """

    pictures: TrainingPictures
    schema: KeypointSchema
    channels: tuple[tuple[int, ...], ...]
    num_channels: int
    input_hw: tuple[int, int]
    seed: int = 0
    augment: float | None = 1.0

    def __getitem__(self, position: int) -> RefinerSample:
        """Return sample ``position``, from 0 on.

        Raises:
            DataError: no picture among many has an object to train on.
        """
        rng = stream(self.seed, _CHANCE, position)
        for attempt in range(_ATTEMPTS):
            epoch, index = divmod(position + attempt, len(self.pictures))
            image, labels = self.pictures[int(_order(self.seed, epoch, len(self.pictures))[index])]
            usable = [row for row, label in enumerate(labels) if self._is_usable(label)]
            if usable:
                return self._sample(rng, image, labels, usable[int(rng.integers(len(usable)))])
        raise DataError(
            f"none of {_ATTEMPTS} pictures has an object with a labelled landmark to train on",
            hint="are these pictures of the class that is trained?",
        )

    def _is_usable(self, label: Label) -> bool:
        x1, y1, x2, y2 = label.bounding_box
        labelled = bool((label.landmarks[:, 2] > 0).any())
        return bool(self.channels[label.category_id - 1]) and x2 > x1 and y2 > y1 and labelled

    def _sample(self, rng: np.random.Generator, image: Image8, labels: Sequence[Label], row: int) -> RefinerSample:
        own = labels[row]
        class_id = own.category_id - 1
        one = self.schema.classes[class_id]
        partner = np.array(one.mirror)
        mirrored = self.augment is not None and bool(rng.random() < 0.5)
        matrix, scale = self._view(rng, np.array(own.bounding_box), tight=not is_person(one))
        near = [other for at, other in enumerate(labels) if at != row and _overlap(own, other) >= NEAR_IOU]
        points, labelled = own.landmarks[:, :2].astype(np.float64), own.landmarks[:, 2] > 0
        points = np.where(labelled[:, None], points, _anywhere(rng, own.bounding_box, len(points)))
        neighbours, known = _neighbours(near, class_id, self.schema)
        points, neighbours = _moved(points, matrix), _moved(neighbours, matrix)
        x1, y1, x2, y2 = own.bounding_box
        area = (x2 - x1) * (y2 - y1) * scale**2
        truth = PoseTruth(points, labelled, partner, neighbours, known, np.array(one.sigmas), area)
        found = synthesise(rng, truth, error_shares(one, int(labelled.sum()), len(near)))
        shown = warp(image, matrix, self.input_hw)
        radius = 2 * np.array(one.sigmas) * np.sqrt(area)
        if mirrored:
            shown = np.ascontiguousarray(shown[:, ::-1])
            points, found = (mirror_points(those, partner, self.input_hw[1]) for those in (points, found))
            labelled, radius = labelled[partner], radius[partner]
        inside = (points >= 0).all(axis=1) & (points < self.input_hw[::-1]).all(axis=1)
        return self._in_channels(class_id, shown, found, points, labelled & inside, radius)

    def _view(self, rng: np.random.Generator, box: F64, *, tight: bool) -> tuple[F64, float]:
        """Choose what is shown: the box, turned and scaled; return the matrix and the scale.

        A refiner's input shows what the landmarks span, with `POSE_MARGIN`. A person's box has that margin already, a
        garment's ends at its landmarks.
        """
        margin = POSE_MARGIN if tight else 1.0
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * margin
        crop = PoseCrop.of_box(np.concatenate([middle - half, middle + half]), self.input_hw)
        strength = self.augment or 0.0
        zoom = 1 + strength * float(np.clip(rng.normal(0, SCALE), -SCALE, SCALE))
        turn = float(np.clip(rng.normal(0, ROTATION_DEGREES), -2 * ROTATION_DEGREES, 2 * ROTATION_DEGREES))
        angle = np.deg2rad(strength * turn if rng.random() < ROTATED_SHARE else 0.0)
        scale = crop.scale / zoom
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        target = np.array(self.input_hw[::-1]) / 2
        return np.column_stack([linear, target - linear @ middle]), scale

    def _in_channels(
        self, class_id: int, image: Image8, found: F64, points: F64, counts: Mask, radius: F64
    ) -> RefinerSample:
        at = list(self.channels[class_id])
        pose = np.zeros((self.num_channels, 3), np.float32)
        truth = np.zeros((self.num_channels, 2), np.float32)
        counted = np.zeros(self.num_channels, np.bool_)
        radii = np.ones(self.num_channels, np.float32)
        pose[at, :2], pose[at, 2], truth[at], counted[at], radii[at] = found, 1, points, counts, radius
        return RefinerSample(image, pose, truth, counted, radii)


def collate_samples(samples: Sequence[RefinerSample]) -> RefinerBatch:
    """Join samples of one size."""
    images = torch.from_numpy(np.stack([one.image for one in samples])).permute(0, 3, 1, 2).float()
    return RefinerBatch(
        image=images.contiguous(),
        pose=torch.from_numpy(np.stack([one.pose for one in samples])),
        truth=torch.from_numpy(np.stack([one.truth for one in samples])),
        counts=torch.from_numpy(np.stack([one.counts for one in samples])),
        radius=torch.from_numpy(np.stack([one.radius for one in samples])),
    )


def mirror_points(points: F64, partner: I64, width: int) -> F64:
    """Return landmarks (P, 2) as they are numbered and lie in the mirrored input."""
    mirrored = points[partner]
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return mirrored


def _anywhere(rng: np.random.Generator, box: tuple[float, float, float, float], count: int) -> F64:
    """Draw positions in a box, for landmarks that nobody labelled: a detector places those too."""
    return rng.uniform(box[:2], box[2:], (count, 2))


def _overlap(one: Label, other: Label) -> float:
    return float(iou(np.array(one.bounding_box), np.array(other.bounding_box)))


def _neighbours(near: Sequence[Label], class_id: int, schema: KeypointSchema) -> tuple[F64, Mask]:
    """Return the landmarks of the same group that neighbours have, whatever their class: (M, P, 2), and which (M, P).

    A jacket over a shirt is the common case.
    """
    groups = schema.groups[class_id]
    points, known = np.zeros((len(near), len(groups), 2)), np.zeros((len(near), len(groups)), np.bool_)
    for row, other in enumerate(near):
        theirs = {group: at for at, group in enumerate(schema.groups[other.category_id - 1])}
        for position, group in enumerate(groups):
            at = theirs.get(group)
            if at is not None and other.landmarks[at, 2] > 0:
                points[row, position], known[row, position] = other.landmarks[at, :2], True
    return points, known


def _moved(points: F64, matrix: F64) -> F64:
    return points @ matrix[:, :2].T + matrix[:, 2]


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> I64:
    return stream(seed, _ORDER, epoch).permutation(count)
