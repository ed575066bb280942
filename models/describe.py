"""What a manifest says of a network: everything but what an export finds out on its way."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from deepmark import __version__
from deepmark.errors import CheckpointError
from deepmark.models.size import check_multiple
from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import default_params
from deepmark.runtime.heads.maps import STRIDE
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.keypoints.head_names import FEATURES, GATHERED_HEADS, shown_counts
from deepmark.runtime.manifest import (
    SCHEMA_VERSION,
    Activation,
    GatheredSpec,
    HeadsSpec,
    InputSpec,
    Manifest,
    Preprocess,
)
from deepmark.runtime.provenance import PrecisionName, SourceCheckpoint

if TYPE_CHECKING:
    from torch import nn

    from deepmark.models.loading import LoadedNetwork
    from deepmark.runtime.heads.weights import HeadArchive

LIBRARIES = {"torch": "torch", "onnx": "onnx", "onnxruntime": "onnxruntime", "MNN": "mnn", "numpy": "numpy"}


def describe(
    loaded: LoadedNetwork,
    name: str,
    size: tuple[int, int],
    *,
    dynamic: bool,
    logits: bool,
    fit: Fit = "square",
    decoder: DecoderParams | None = None,
    archive: HeadArchive | None = None,
    precision: PrecisionName = "fp32",
    joined: bool = False,
) -> Manifest:
    """Make the manifest of a network to be exported, without parity and files.

    Args:
        loaded: the network with what is known of its file.
        name: name of the model.
        size: height and width of the input, in pixels.
        dynamic: whether the model will take other sizes.
        logits: whether the graph will leave the sigmoid to the decoder.
        fit: whether inputs have the shapes of pictures; only where ``dynamic``.
        decoder: decoder parameters; None for those of `default_params`.
        archive: weights of the heads that the graph will leave to the runtime; None for a dense graph.
        precision: precision that the model will have.
        joined: whether MNN's model will give all outputs in one.

    Raises:
        CheckpointError: the network has no built-in keypoint schema, and none was given.
        UsageError: the network does not take this size.
    """
    report = loaded.report
    check_multiple(size, loaded.multiple)
    if loaded.schema is None:
        shown_in = "deepfashion2.csv" if report.groups else "coco.csv"
        raise CheckpointError(
            f"no keypoint schema is known for {shown_counts(report.classes, report.groups)}",
            hint="give the table it was trained with: --schema CSV"
            f" (runtime/keypoints/data/{shown_in} shows its columns)",
        )
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=name,
        created_by=f"deepmark {__version__}",
        precision=precision,
        input=InputSpec(height=size[0], width=size[1], multiple=loaded.multiple, dynamic=dynamic, fit=fit),
        preprocess=Preprocess(),
        heads=_heads(report.heads, archive, logits=logits, joined=joined),
        keypoints=loaded.schema,
        flip_pairs=loaded.schema.flip_pairs,
        decoder=decoder or default_params(loaded.schema, report.heads),
        source=SourceCheckpoint(
            file=Path(report.file).name,
            sha256=report.sha256,
            architecture=report.architecture,
            variant=f"{report.variant}: {report.explanation}",
            parameters=report.parameters,
        ),
        versions={
            "deepmark": __version__,
            **{name: importlib.metadata.version(wheel) for name, wheel in LIBRARIES.items()},
        },
    )


def gathered_weights(network: nn.Module, heads: Iterable[str]) -> dict[str, F32]:
    """Take the weights of those of a network's ``heads`` that a sparse graph leaves out, by the checkpoint's names."""
    return {
        f"{name}.{key}": np.ascontiguousarray(tensor.numpy(), np.float32)
        for name in heads
        if name in GATHERED_HEADS
        for key, tensor in network.get_submodule(name).state_dict().items()
    }


def _heads(channels: Mapping[str, int], archive: HeadArchive | None, *, logits: bool, joined: bool) -> HeadsSpec:
    activation: Activation = "logits" if logits else "probabilities"
    gathered = {} if archive is None else archive.channels
    maps = {name: count for name, count in channels.items() if name not in gathered}
    if archive is not None:
        maps[FEATURES] = archive.features
    return HeadsSpec(
        layout="dense" if archive is None else "sparse",
        activation=activation,
        stride=STRIDE,
        channels=maps,
        gathered=None if archive is None else GatheredSpec(channels=archive.channels, sha256=archive.sha256),
        joined=tuple(maps) if joined else msgspec.UNSET,
    )
