"""What each convolution costs in int8: how much of the error goes when this one, too, is kept in float.

Every row is a real model, quantised, run and decoded; nothing is simulated. So it tells what ``--keep-float`` would do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.console import progress
from deepmark.exporter.conversion import calibrated_deformable
from deepmark.exporter.deform_conv import has_deformable
from deepmark.exporter.parity import ParitySample
from deepmark.exporter.pictures import ParityPicture
from deepmark.exporter.precision.calibration import (
    JUDGE_PICTURES,
    JUDGE_SEED,
    CalibrationSet,
    drawn_pictures,
    gather_calibration,
)
from deepmark.exporter.precision.layers import ConvLayer, choose_layers, read_layers
from deepmark.exporter.precision.loss import LossTally
from deepmark.exporter.precision.quantisation import quantise
from deepmark.exporter.request import make_request
from deepmark.exporter.stages import ChainStage, load_converted
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.to_onnx import export_onnx
from deepmark.models.describe import describe, gathered_weights
from deepmark.runtime.bundle import HEADS_FILE
from deepmark.runtime.heads.weights import archive_heads
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import Manifest

if TYPE_CHECKING:
    from deepmark.models.recognition.deformed import MaskFactor

CALIBRATION_PICTURES = 16  # a calibration for every layer: half of an export's


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """A model with one layer in float, or none.

    Attributes:
        layer: name of the layer that is kept in float; empty for none.
        weights: number of the layer's weights.
        heads: head -> mean absolute error against fp32, of probabilities or in cells.
        landmark_error: mean distance of the landmarks of kept objects, in cells.
        kept: share of objects that are kept, in [0, 1].
    """

    layer: str
    weights: int
    heads: dict[str, float]
    landmark_error: float
    kept: float

    @property
    def extra_bytes(self) -> int:
        """What keeping it in float adds to the file."""
        return 3 * self.weights


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What layers cost.

    Attributes:
        all_int8: costs with no layer in float.
        layers: costs with each layer alone in float, in the order in which layers compute.
    """

    all_int8: LayerSensitivity
    layers: tuple[LayerSensitivity, ...]

    def relative(self, one: LayerSensitivity) -> tuple[float, ...]:
        """Return the heads' errors as shares of those with no layer in float."""
        return tuple(error / max(self.all_int8.heads[head], 1e-12) for head, error in one.heads.items())

    def gain(self, one: LayerSensitivity) -> float:
        """Return the share of error, on average over the heads, that is gone with this layer in float."""
        return 1 - float(np.mean(self.relative(one)))


@dataclass(frozen=True, slots=True)
class _Setup:
    fp32: Path
    manifest: Manifest
    layers: tuple[ConvLayer, ...]
    calibration: CalibrationSet
    pictures: tuple[ParityPicture, ...]
    expected: tuple[ParitySample, ...]


def measure_sensitivity(
    checkpoint: str | Path,
    *,
    size: tuple[int, int],
    schema: KeypointSchema | None = None,
    dcn_mask: MaskFactor | None = None,
    heads: str = DEFAULT_LAYOUT,
    calibration: str | Path | None = None,
    only: Sequence[str] = (),
    on_progress: Callable[[str], None],
) -> Sensitivity:
    """Quantise a network once for every convolution, with this one in float, and once with none.

    Args:
        checkpoint: file that `load_checkpoint` takes.
        size: height, width of the network's input, in pixels.
        schema: keypoint schema; None for the built-in one with the checkpoint's counts.
        dcn_mask: factor of the mask of variant H (`load_checkpoint`); None for every other checkpoint.
        heads: layout of the graph (`LAYOUTS`).
        calibration: folder of pictures; None for drawings.
        only: modules whose layers are measured; empty for all.
        on_progress: function that gets a line now and then, with the time left.

    Raises:
        UsageError, CheckpointError, DataError, ConversionError: as for an export.
    """
    request = make_request(checkpoint, ("mnn",), None, None, size, heads)
    inputs = gather_calibration(None if calibration is None else Path(calibration), request.size)
    step = max(len(inputs.images) // CALIBRATION_PICTURES, 1)
    inputs = CalibrationSet(inputs.source, inputs.images[::step])
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        setup = _prepare(request.checkpoint, Path(folder), size, schema, dcn_mask, heads, inputs)
        target = Path(folder) / "int8.mnn"
        none = _cost(setup, None, target)
        costs: list[LayerSensitivity] = []
        asked = choose_layers(setup.layers, only) if only else setup.layers
        measured = [layer for layer in asked if not layer.last]
        with progress("measuring", len(measured), "layers", lines_to=on_progress) as advance:
            for layer in measured:
                costs.append(_cost(setup, layer, target))
                advance()
    return Sensitivity(none, tuple(costs))


def _prepare(
    checkpoint: Path,
    folder: Path,
    size: tuple[int, int],
    schema: KeypointSchema | None,
    dcn_mask: MaskFactor | None,
    heads: str,
    calibration: CalibrationSet,
) -> _Setup:
    from deepmark.models.loading import load_checkpoint

    loaded = load_checkpoint(checkpoint, schema, dcn_mask=dcn_mask)
    if has_deformable(loaded.network):
        raise calibrated_deformable("int8")
    archive = None
    if heads == "sparse":
        archive = archive_heads(gathered_weights(loaded.network, loaded.report.heads))
        (folder / HEADS_FILE).write_bytes(archive.content)
    manifest = describe(loaded, "sensitivity", size, dynamic=True, logits=True, archive=archive, precision="int8")
    export_onnx(
        loaded.network,
        folder / "network.onnx",
        heads=tuple(manifest.heads.channels),
        size=size,
        dynamic=True,
        logits=True,
        metadata=manifest.to_json(compact=True).decode(),
    )
    convert_to_mnn(folder / "network.onnx", folder / "network.mnn")
    pictures = drawn_pictures(JUDGE_PICTURES, JUDGE_SEED, size)
    return _Setup(
        fp32=folder / "network.mnn",
        manifest=manifest,
        layers=read_layers(folder / "network.onnx"),
        calibration=calibration,
        pictures=tuple(pictures),
        expected=_samples(folder / "network.mnn", manifest, pictures),
    )


def _cost(setup: _Setup, layer: ConvLayer | None, target: Path) -> LayerSensitivity:
    kept = [one for one in setup.layers if one.last or one == layer]
    quantise(
        setup.fp32,
        target,
        calibration=setup.calibration,
        preprocess=setup.manifest.preprocess,
        layers=setup.layers,
        float_layers=kept,
    )
    tally = LossTally(setup.manifest.keypoints, setup.manifest.decoder, by_head=False)
    for expected, found in zip(setup.expected, _samples(target, setup.manifest, setup.pictures), strict=True):
        tally.add(expected, found)
    loss = tally.result()
    return LayerSensitivity(
        layer=layer.name if layer else "",
        weights=layer.weights if layer else 0,
        heads={one.head: one.mean_error for one in loss.heads},
        landmark_error=loss.landmark_error,
        kept=loss.kept,
    )


def _samples(path: Path, manifest: Manifest, pictures: Sequence[ParityPicture]) -> tuple[ParitySample, ...]:
    with load_converted(path, "mnn") as engine:
        stage = ChainStage.of("mnn", engine)
        return tuple(stage.sample(picture, manifest) for picture in pictures)
