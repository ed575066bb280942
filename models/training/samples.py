"""Pictures and labels -> what a training step takes; sample k is the same whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepmark.models.training.augmentation import View, jitter_colours, random_view, show_image, show_label
from deepmark.models.training.batch_plan import BatchPlan
from deepmark.models.training.chance import AUGMENTATION, stream
from deepmark.models.training.pictures import Label, TrainingPictures
from deepmark.models.training.targets import Targets, make_targets
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.heads.maps import STRIDE
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import Preprocess
from deepmark.runtime.preprocess import normalise
from deepmark.runtime.transform import Letterbox


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
    """An endless row of samples: the pictures as a plan has them, each time seen otherwise.

    Sample k depends on plan, seed and k alone. So a run that goes on after a kill needs no more than its step, and any
    number of processes can share the work.

    Attributes:
        pictures: pictures that the samples are made of.
        schema: keypoint schema, which says the channel of each landmark.
        plan: which picture comes when, and how large.
        seed: seed of the augmentation.
        augment: strength of augmentation; None shows every picture whole, as it is.
    """

    pictures: TrainingPictures
    schema: KeypointSchema
    plan: BatchPlan
    seed: int = 0
    augment: float | None = 1.0

    def __getitem__(self, position: int) -> TrainingSample:
        """Return sample ``position``, from 0 on."""
        step, place = divmod(position, self.plan.batch)
        planned = self.plan[step]
        image, labels = self.pictures[int(planned.pictures[place])]
        if self.augment is None:
            view = View(Letterbox.fit(image.shape[:2], planned.input_hw))
            return self._sample(show_image(image, view, planned.input_hw), labels, view, image.shape[1])
        rng = stream(self.seed, AUGMENTATION, position)
        view = random_view(rng, image.shape[:2], planned.input_hw, self.augment)
        shown = jitter_colours(rng, show_image(image, view, planned.input_hw), self.augment)
        return self._sample(shown, labels, view, image.shape[1])

    def _sample(self, shown: Image8, labels: Sequence[Label], view: View, image_width: int) -> TrainingSample:
        garments = [show_label(label, view, image_width, self.schema) for label in labels]
        map_hw = (shown.shape[0] // STRIDE, shown.shape[1] // STRIDE)
        return TrainingSample(normalise(shown, Preprocess())[0], make_targets(garments, self.schema, map_hw))
