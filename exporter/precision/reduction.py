"""fp32 -> the precision asked for, and what that costs: a model and its record, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deepmark.exporter.parity import ParitySample
from deepmark.exporter.pictures import ParityPicture
from deepmark.exporter.precision.calibration import JUDGE_PICTURES, JUDGE_SEED, CalibrationSet, drawn_pictures
from deepmark.exporter.precision.layers import ConvLayer, kept_layers, read_layers
from deepmark.exporter.precision.loss import LossTally, map_loss, require
from deepmark.exporter.precision.plan import PrecisionPlan
from deepmark.exporter.precision.quantisation import quantise
from deepmark.exporter.stages import ChainStage, load_converted
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.models.evaluation.drawn_accuracy import DrawnAccuracy
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.provenance import PrecisionLoss, Quantisation

OnSample = Callable[[ParityPicture, ParitySample], None]


@dataclass(frozen=True, slots=True)
class ProvenModel:
    """The proven model to start from.

    Attributes:
        onnx: ONNX file that ``mnn`` was converted from.
        mnn: MNN file.
        manifest: manifest of the export.
    """

    onnx: Path
    mnn: Path
    manifest: Manifest


def reduce_precision(
    fp32: ProvenModel,
    target: Path,
    plan: PrecisionPlan,
    *,
    calibration: CalibrationSet | None,
    pictures: Sequence[ParityPicture],
    on_sample: OnSample,
    on_progress: Callable[[str], None],
) -> Quantisation:
    """Write the model in the precision of the plan and judge it.

    Args:
        fp32: proven model.
        target: file to write, beside the proven model.
        plan: precision, what it may cost, and what stays in float.
        calibration: pictures that int8 is calibrated on; None for other precisions.
        pictures: network inputs to judge on; drawings that were not calibrated on are added.
        on_sample: function that gets each picture and what the new model gives for it.
        on_progress: function that gets one line at each step.

    Returns:
        What the manifest records.

    Raises:
        UsageError: a layer to keep in float does not exist.
        ConversionError: the model could not be written or used.
        ParityError: it costs more than it may.
    """
    kept: tuple[ConvLayer, ...] = ()
    if calibration is None:
        on_progress(f"onnx -> mnn {plan.precision.name}")
        convert_to_mnn(fp32.onnx, target, plan.precision)
    else:
        layers = read_layers(fp32.onnx)
        kept = kept_layers(layers, plan.keep_float)
        on_progress(f"mnn -> int8, calibrated on {len(calibration.images)} {calibration.source}")
        quantise(
            fp32.mnn,
            target,
            calibration=calibration,
            preprocess=fp32.manifest.preprocess,
            layers=layers,
            float_layers=kept,
        )
    with load_converted(fp32.mnn, "mnn") as whole, load_converted(target, plan.precision.name) as reduced:
        loss = _measure(whole, reduced, pictures, on_sample, on_progress)
        require(loss, plan.limits, plan.precision.name)
        if plan.limits.max_map_drop is not None:
            drawings = plan.limits.drawings
            on_progress(f"measuring accuracy on {drawings} drawings, in fp32 and in {plan.precision.name}")
            before, after = DrawnAccuracy(drawings)((whole, reduced), on_progress)
            loss = msgspec.structs.replace(loss, accuracy=map_loss(before, after, drawings))
            require(loss, plan.limits, plan.precision.name)
    record = None if calibration is None else calibration.record
    return Quantisation(loss=loss, calibration=record, float_layers=tuple(layer.name for layer in kept))


def _measure(
    whole: Engine,
    reduced: Engine,
    pictures: Sequence[ParityPicture],
    on_sample: OnSample,
    on_progress: Callable[[str], None],
) -> PrecisionLoss:
    manifest = whole.manifest
    drawn = drawn_pictures(JUDGE_PICTURES, JUDGE_SEED, (manifest.input.height, manifest.input.width))
    on_progress(f"comparing {manifest.precision} with fp32 on {len(pictures) + len(drawn)} pictures")
    tally = LossTally(manifest.keypoints, manifest.decoder)
    right, other = ChainStage.of("fp32", whole), ChainStage.of(manifest.precision, reduced)
    for picture in (*pictures, *drawn):
        found = other.sample(picture, manifest)
        tally.add(right.sample(picture, manifest), found)
        on_sample(picture, found)
    return tally.result()
