"""Pictures and labels -> what a training step takes; sample k is the same whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deepmark.models.training.augmentation import View, jitter_colours, random_view, show_image, show_label
from deepmark.models.training.pictures import Label, TrainingPictures
from deepmark.models.training.targets import Targets, make_targets
from deepmark.runtime.arrays import F32, I64, Image8
from deepmark.runtime.heads.maps import STRIDE
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import Preprocess
from deepmark.runtime.preprocess import normalise
from deepmark.runtime.transform import Letterbox

_ORDER, _AUGMENTATION = 0, 1  # streams of chance that do not disturb each other


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSample:
    """One picture for the network.

    Attributes:
        image: (3, H, W) float32, normalised.
        targets: targets in cells of H/4 x W/4.
    """

    image: F32
    targets: Targets


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSamples:
    """An endless row of samples: the pictures in an order of chance, each epoch another, each time seen otherwise.

    Sample k depends on the seed and k alone. So a run that goes on after a kill needs no more than its step, and any
    number of processes can share the work.

    Attributes:
        pictures: pictures that the samples are made of.
        schema: keypoint schema, which says the channel of each landmark.
        input_hw: height and width of the network's input in pixels, multiples of 32.
        seed: seed of order and augmentation.
        augment: strength of augmentation; None shows every picture whole, as it is, in its order.
    """

    pictures: TrainingPictures
    schema: KeypointSchema
    input_hw: tuple[int, int]
    seed: int = 0
    augment: float | None = 1.0

    def __getitem__(self, position: int) -> TrainingSample:
        """Return sample ``position``, from 0 on."""
        epoch, index = divmod(position, len(self.pictures))
        if self.augment is None:
            image, labels = self.pictures[index]
            view = View(Letterbox.fit(image.shape[:2], self.input_hw))
            return self._sample(show_image(image, view, self.input_hw), labels, view, image.shape[1])
        image, labels = self.pictures[int(_order(self.seed, epoch, len(self.pictures))[index])]
        rng = _stream(self.seed, _AUGMENTATION, position)
        view = random_view(rng, image.shape[:2], self.input_hw, self.augment)
        shown = jitter_colours(rng, show_image(image, view, self.input_hw), self.augment)
        return self._sample(shown, labels, view, image.shape[1])

    def _sample(self, shown: Image8, labels: Sequence[Label], view: View, image_width: int) -> TrainingSample:
        garments = [show_label(label, view, image_width, self.schema) for label in labels]
        map_hw = (self.input_hw[0] // STRIDE, self.input_hw[1] // STRIDE)
        return TrainingSample(normalise(shown, Preprocess())[0], make_targets(garments, self.schema, map_hw))


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> I64:
    return _stream(seed, _ORDER, epoch).permutation(count)


def _stream(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
