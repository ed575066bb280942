"""A refiner's network -> ONNX: rendering of the pose, network, softmax and expectation in one graph of one size."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.to_onnx import OPSET, TRACING, check_weights, write_onnx
from deepmark.runtime.refinement.refiner_manifest import IMAGE, POINTS, POSE

if TYPE_CHECKING:
    import torch

    from deepmark.models.refiner.checkpoint import LoadedRefiner


def export_refiner_onnx(loaded: LoadedRefiner, path: Path) -> None:
    """Write a refiner as one ONNX file with the inputs ``image`` and ``pose`` and the output ``points``.

    Batch normalisations behind dense transposed convolutions are folded here: torch's exporter leaves them.

    Raises:
        ConversionError: the exporter failed, or what it wrote is not what was asked for.
    """
    import onnx
    import torch

    from deepmark.models.refiner.checkpoint import count_channels
    from deepmark.models.refiner.network import RefinerGraph

    channels = count_channels(loaded.channels)
    graph = RefinerGraph(_folded(loaded.network)).eval()
    inputs = (torch.zeros(1, 3, *loaded.config.input_hw), torch.zeros(1, channels, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # docs/decisions/0004-onnx-export.md
        warnings.filterwarnings("ignore", "Converting a tensor")  # sizes become constants, as they shall
        try:
            torch.onnx.export(
                graph,
                inputs,
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=[IMAGE, POSE],
                output_names=[POINTS],
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            first = str(error).strip().splitlines()[0]
            raise ConversionError(f"torch's exporter failed: {first}", stage=TRACING) from error
    model = onnx.load(str(path), load_external_data=False)
    names = [one.name for one in model.graph.input], [one.name for one in model.graph.output]
    if names != ([IMAGE, POSE], [POINTS]):
        raise ConversionError(f"the file has {names[0]} -> {names[1]}", stage=TRACING)
    check_weights(model, stage=TRACING)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f"the file is no valid ONNX: {error}", stage=TRACING) from error
    write_onnx(model, path)


def _folded(network: torch.nn.Module) -> torch.nn.Module:
    """Return a copy in which normalisations behind transposed convolutions are part of these."""
    import copy

    import torch

    folded = copy.deepcopy(network).eval()
    for steps in [one for one in folded.modules() if isinstance(one, torch.nn.Sequential)]:
        for at in range(len(steps) - 1):
            up, norm = steps[at], steps[at + 1]
            if isinstance(up, torch.nn.ConvTranspose2d) and isinstance(norm, torch.nn.BatchNorm2d):
                steps[at] = torch.nn.utils.fuse_conv_bn_eval(up, norm, transpose=True)
                steps[at + 1] = torch.nn.Identity()
    return folded
