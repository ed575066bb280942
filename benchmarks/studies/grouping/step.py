"""One training step with 62 groups or with 294 landmarks, to be timed and weighed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from deepmark.errors import UsageError
from deepmark.models.datasets.drawings import draw
from deepmark.models.networks import KeypointNetwork, stacks
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.training.architecture import fresh_network
from deepmark.models.training.batch_plan import BatchPlan
from deepmark.models.training.batches import TrainingBatch, collate
from deepmark.models.training.config import Precision
from deepmark.models.training.losses import WEIGHTS, batch_losses, focal_loss, l1_loss, total_loss
from deepmark.models.training.optimiser import make_optimiser
from deepmark.models.training.samples import TrainingSamples
from deepmark.runtime.keypoints.schema import KeypointSchema

Groups = Literal[62, 294]
Regressions = Literal["sparse", "dense"]

GROUPS: tuple[Groups, Groups] = (62, 294)


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared.

    Attributes:
        groups: number of landmark channels.
        regressions: ``"sparse"`` computes the four regression heads at labelled cells only, as `deepmark train` does;
            ``"dense"`` everywhere, as CenterNet and the paper did.
    """

    groups: Groups
    regressions: Regressions


@dataclass(frozen=True, slots=True)
class StepWorkload:
    """What every arm works on.

    Attributes:
        size: side of the input, in pixels.
        batch: number of pictures a step.
        device: ``"cpu"`` or ``"cuda"``.
        precision: precision of the convolutions.
        arch: network, a name of `deepmark.models.recognition.architectures.ARCHITECTURES`.
        seed: seed of the drawings and the weights.
    """

    size: int
    batch: int
    device: str
    precision: Precision
    arch: str = "mdla34"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what has a single value to normalise by.

        Raises:
            UsageError: one picture of the smallest size.
        """
        multiple = ARCHITECTURES[self.arch].multiple
        if self.batch * (self.size // multiple) ** 2 == 1:
            raise UsageError(
                f"a batch of one picture of {self.size} pixels has no statistics to normalise by",
                hint=f"take a batch of 2, or pictures of {2 * multiple} pixels",
            )


class Step:
    """A network with its optimiser; each call is one optimisation step on the same drawings.

    As in the paper's Figure 4, a step is: batch to the device, forward, backward, update. Drawing and augmentation are
    not part of it.
    """

    def __init__(self, arm: Arm, work: StepWorkload) -> None:
        schema = KeypointSchema.deepfashion2(arm.groups)
        drawings = [draw(work.seed, number, work.size) for number in range(1, work.batch + 1)]
        pictures = [(drawing.image_bgr_u8, drawing.items) for drawing in drawings]
        plan = BatchPlan.of_one_size(work.batch, (work.size, work.size), seed=None)
        samples = TrainingSamples(pictures, schema, plan, augment=None)
        self._batch = collate([samples[number] for number in range(work.batch)])
        self._device = torch.device(work.device)
        self._bfloat16 = work.precision == "bf16"
        torch.manual_seed(work.seed)
        network = fresh_network(work.arch, len(schema.classes), schema.num_groups)
        # torch's annotations of Module.to do not know memory_format
        network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network.train()
        self._losses = batch_losses if arm.regressions == "sparse" else dense_losses
        self._optimiser = make_optimiser(network, lr=1e-5, weight_decay=1e-4)

    def __call__(self) -> float:
        """Do a step, wait until the device has done it, and return the loss."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
            losses = self._losses(self._network, self._batch.to(self._device))
        loss = total_loss(losses)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return loss.item()


def dense_losses(network: KeypointNetwork, batch: TrainingBatch) -> dict[str, Tensor]:
    """Compute what `batch_losses` does, with all six heads computed everywhere."""
    found = [
        _dense_stack({name: heads.get_submodule(name)(features).float() for name in WEIGHTS}, batch)
        for heads, features in stacks(network, batch.images)
    ]
    return {name: torch.stack([losses[name] for losses in found]).mean() for name in WEIGHTS}


def _dense_stack(heads: dict[str, Tensor], batch: TrainingBatch) -> dict[str, Tensor]:
    return {
        "hm": focal_loss(heads["hm"], batch.hm),
        "wh": l1_loss(_at(heads["wh"], batch.centres), batch.wh),
        "hps": l1_loss(_at(heads["hps"], batch.centres), batch.hps, batch.hps_known),
        "reg": l1_loss(_at(heads["reg"], batch.centres), batch.reg),
        "hm_hp": focal_loss(heads["hm_hp"], batch.hm_hp),
        "hp_offset": l1_loss(_at(heads["hp_offset"], batch.landmarks), batch.hp_offset),
    }


def _at(head: Tensor, cells: Tensor) -> Tensor:
    """Read a head, (B, C, h, w), at cells (N, 3) picture, row, column: (N, C)."""
    picture, row, column = cells.T
    return head[picture, :, row, column]
