"""Every architecture trains, and what a training writes is a checkpoint of CenterNet's names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import key_shapes

from deepmark.errors import UsageError
from deepmark.models import load_checkpoint
from deepmark.models.datasets.drawings import draw
from deepmark.models.networks import stacks
from deepmark.models.training.architecture import fresh_network, from_file, to_file
from deepmark.models.training.batch_plan import BatchPlan
from deepmark.models.training.batches import TrainingBatch, collate
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.losses import batch_losses, count_entries, stack_losses
from deepmark.models.training.pictures import TrainingPictures
from deepmark.models.training.samples import TrainingSamples
from deepmark.models.training.train_state import load_state, save_state
from deepmark.models.training.trainer import Trainer
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2(62)


def drawings(size: int) -> TrainingPictures:
    return [(drawing.image_bgr_u8, drawing.items) for drawing in (draw(5, number, size) for number in range(2))]


def batch(size: int) -> TrainingBatch:
    samples = TrainingSamples(drawings(size), SCHEMA, BatchPlan.of_one_size(2, (size, size)), augment=None)
    return collate([samples[0], samples[1]])


@pytest.mark.slow
def test_another_architecture_trains_goes_on_and_loads(tmp_path: Path) -> None:
    config = TrainConfig(arch="resnet18-dcn", size=64, batch=2, steps=2, pictures=2)
    trainer = Trainer(config, drawings(64))
    first = trainer.advance()
    save_state(trainer.state(), tmp_path / "last.pth")
    resumed = Trainer(config, drawings(64), resume=load_state(tmp_path / "last.pth"))

    assert np.isfinite(first.loss)
    assert resumed.advance().loss == trainer.advance().loss
    report = load_checkpoint(tmp_path / "last.pth").report
    assert (report.architecture, report.variant, report.head_conv) == ("resnet18-dcn", "F", 64)


@pytest.mark.slow
def test_losses_of_two_stacks_are_the_mean_of_both_and_reach_every_weight() -> None:
    torch.manual_seed(0)
    network = fresh_network("hourglass104", 13, 62).train()
    one = batch(128)

    losses = batch_losses(network, one)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]

    assert all(weight.grad is not None for weight in network.parameters())
    with torch.no_grad():
        entries = dict(zip(losses, count_entries(one), strict=True))
        first, last = (stack_losses(heads, found, one, entries) for heads, found in stacks(network, one.images))
    for name, loss in losses.items():
        assert loss.item() == pytest.approx((first[name].item() + last[name].item()) / 2, rel=1e-4)


def test_weights_of_an_hourglass_are_written_under_centernet_s_names_and_read_back() -> None:
    with torch.device("meta"):
        ours = fresh_network("hourglass104", 1, 17).state_dict()

    theirs = to_file("hourglass104", ours)

    assert {name: tuple(tensor.shape) for name, tensor in theirs.items()} == key_shapes("hourglass104_17kp")
    assert from_file("hourglass104", theirs).keys() == ours.keys()


@pytest.mark.parametrize(
    ("options", "words", "hint"),
    [
        ({"arch": "resnet19"}, "arch of a training must be one of mdla34, dla34-dcn, .*, found resnet19", "is resnet1"),
        ({"arch": "foo"}, "found foo", "deepmark inspect CHECKPOINT says which network"),
        (
            {"arch": "hourglass104", "size": 160},
            "size of a training must be a multiple of 128 up to 2048, found 160",
            "example 128",
        ),
        ({"size": 100}, "size of a training must be a multiple of 32 up to 2048, found 100", "for example 96"),
        ({"size": 2080}, "size of a training must be a multiple of 32 up to 2048, found 2080", "for example 2048"),
        ({"batch": 0}, "batch of a training must be 1 or more, found 0", "without it, it is 16"),
        ({"lr": -1}, "lr of a training must be finite and above 0, found -1", "without it, it is 0.001"),
    ],
)
def test_what_cannot_be_trained_is_refused(options: dict[str, str], words: str, hint: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        TrainConfig(**options)  # type: ignore[arg-type]
    assert hint in (error.value.hint or "")
