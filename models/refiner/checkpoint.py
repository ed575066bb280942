"""A refiner's checkpoint: its configuration, the averaged weights, and what a training needs to go on."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepmark.errors import CheckpointError, DeepMarkError
from deepmark.models.checkpoint import REFINER_KEY, read_document
from deepmark.models.refiner.config import RefinerConfig
from deepmark.models.refiner.network import ResNetRefiner, SlimRefiner, make_refiner
from deepmark.models.training.train_state import write_run_file
from deepmark.runtime.keypoints.schema import KeypointSchema

FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class RefinerState:
    """All that a training is at the end of a step.

    Attributes:
        config: configuration of the training.
        step: number of steps done.
        average: moving average of the weights by name: what is exported.
        weights: trained weights by name; None in a file without ``resume``.
        average_updates: number of steps that the average has seen.
        optimiser: state of the optimiser; None in a file without ``resume``.
    """

    config: RefinerConfig
    step: int
    average: dict[str, Tensor]
    weights: dict[str, Tensor] | None = None
    average_updates: int = 0
    optimiser: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LoadedRefiner:
    """A refiner's network with its weights.

    Attributes:
        network: network in eval mode.
        config: configuration that it was trained with.
        schema: classes and landmarks.
        channels: channel of each landmark, class by class; empty for a class that it does not refine.
        step: number of steps that it was trained for.
        sha256: sha256 of the file, hex.
    """

    network: ResNetRefiner | SlimRefiner
    config: RefinerConfig
    schema: KeypointSchema
    channels: tuple[tuple[int, ...], ...]
    step: int
    sha256: str


def count_channels(channels: tuple[tuple[int, ...], ...]) -> int:
    """Return the number of channels of a network for these."""
    return 1 + max(at for one in channels for at in one)


def save_refiner(state: RefinerState, path: Path) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        DataError: it cannot be written; the old file is as it was.
    """
    document: dict[str, Any] = {
        REFINER_KEY: FORMAT,
        "config": state.config.document(),
        "step": state.step,
        "state_dict": state.average,
    }
    if state.weights is not None:
        document["resume"] = {
            "weights": state.weights,
            "average_updates": state.average_updates,
            "optimiser": state.optimiser,
        }
    buffer = io.BytesIO()
    torch.save(document, buffer)
    write_run_file(path, buffer.getbuffer())


def read_refiner(path: Path) -> RefinerState:
    """Read what `save_refiner` wrote.

    Raises:
        CheckpointError: no such file, damaged, or another kind of checkpoint.
    """
    document = read_document(path)
    if not isinstance(document, dict) or document.get(REFINER_KEY) != FORMAT:
        raise CheckpointError(
            f"{path} holds no refiner", hint="deepmark refiner train makes one; deepmark export takes other networks"
        )
    try:
        resume = document.get("resume") or {}
        return RefinerState(
            config=RefinerConfig.from_document(document["config"]),
            step=int(document["step"]),
            average=dict(document["state_dict"]),
            weights=resume.get("weights"),
            average_updates=int(resume.get("average_updates", 0)),
            optimiser=resume.get("optimiser"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, DeepMarkError) as error:
        raise CheckpointError(f"{path} is a damaged refiner: {error}", hint="copy it again") from error


def load_refiner(path: Path) -> LoadedRefiner:
    """Read a checkpoint and build its network, in float32; weights stored in half precision are widened.

    Raises:
        CheckpointError: it is none, or its weights are not those of its network.
        DataError: its keypoint table is a CSV file that cannot be read.
    """
    state = read_refiner(path)
    schema = state.config.load_schema()
    channels = state.config.channels(schema)
    network = make_refiner(state.config.backbone, count_channels(channels), state.config.sigma)
    require_weights(network, state.average, path)
    network.load_state_dict(state.average, strict=True)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return LoadedRefiner(network.eval(), state.config, schema, channels, state.step, sha256)


def require_weights(network: torch.nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Require exactly a network's tensors, each of its shape and finite.

    Raises:
        CheckpointError: names the first that is missing, too many, of another shape or not finite.
    """
    expected = network.state_dict()
    for what, names in (("lacks", expected.keys() - weights.keys()), ("has also", weights.keys() - expected.keys())):
        if names:
            raise CheckpointError(f"{path} {what} the tensor {min(names)}", hint="copy it again, or train it again")
    for name, tensor in expected.items():
        found = weights[name]
        shape = getattr(found, "shape", None)
        if shape != tensor.shape:
            raise CheckpointError(f"{path}: {name} must be {tuple(tensor.shape)}, found {shape}", hint="copy it again")
        if not torch.isfinite(found).all():
            raise CheckpointError(f"{path}: {name} has values that are NaN or infinite", hint="train it again")
