"""Network -> ONNX -> simpler ONNX: one file, outputs bound by name, opset read back, the same bytes every time.

The outputs are heads or, for a sparse graph, some heads and the features; what no output needs is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.deform_conv import DEFORM_CONV, DEFORM_CONV_OPSET, has_deformable, register_deform_conv
from deepmark.exporter.normalisation import fold_normalisation
from deepmark.runtime.embedded_manifest import METADATA_KEY
from deepmark.runtime.heads.maps import PROBABILITY_HEADS
from deepmark.runtime.keypoints.head_names import FEATURES

if TYPE_CHECKING:
    import onnx
    import torch

# The oldest that holds every operator we need, but DeformConv; MNN and ONNX Runtime both read it. A network with
# deformable convolutions is written at `DEFORM_CONV_OPSET`, and decomposed at this one again.
OPSET = 17
INPUT_NAME = "image"
TRACING = "torch -> onnx"
SIMPLIFICATION = "onnx -> simplified"


def export_onnx(
    network: torch.nn.Module,
    path: Path,
    *,
    heads: Sequence[str],
    size: tuple[int, int],
    dynamic: bool,
    logits: bool,
    metadata: str,
) -> None:
    """Write a network as one ONNX file.

    Args:
        network: network in eval mode, (B, 3, H, W) float32, normalised -> raw heads by name; each is made by the
            submodule of its name.
        path: ONNX file to write, in a folder that exists.
        heads: names of the outputs, in the order of the graph; the features may be among them.
        size: height, width of the traced input, in pixels.
        dynamic: whether batch, height and width are open; otherwise they are 1 and ``size``.
        logits: whether the sigmoid of ``hm`` and ``hm_hp`` is left out of the graph.
        metadata: text kept in the file under `METADATA_KEY`; MNN's converter carries it over.

    Raises:
        ConversionError: the exporter failed, or what it wrote is not what was asked for.
    """
    import onnx

    opset = DEFORM_CONV_OPSET if has_deformable(network) else OPSET
    _trace(network, path, heads, size, opset=opset, dynamic=dynamic, logits=logits)
    model = onnx.load(str(path), load_external_data=False)
    fold_normalisation(model)
    set_metadata(model, metadata)
    check_onnx(model, heads=heads, opset=opset)
    write_onnx(model, path)


def raw_outputs(network: torch.nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """Compute raw heads by name and, as `FEATURES`, the one tensor that all of them read.

    The features are caught on their way into a head: the call itself stays the network's own, so that a traced graph
    carries the names of its modules.
    """
    caught: list[torch.Tensor] = []
    hook = network.get_submodule("hm").register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        raw: dict[str, torch.Tensor] = network(image)
    finally:
        hook.remove()
    return {**raw, FEATURES: caught[0]}


def _trace(
    network: torch.nn.Module,
    path: Path,
    heads: Sequence[str],
    size: tuple[int, int],
    *,
    opset: int,
    dynamic: bool,
    logits: bool,
) -> None:
    import torch

    register_deform_conv()
    axes = {INPUT_NAME: {0: "batch", 2: "height", 3: "width"}}
    axes |= {head: {0: "batch", 2: "cells_high", 3: "cells_wide"} for head in heads}
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated but still the better one here: the new one takes 6-28 s instead of 1,
        # ignores the opset asked for and writes external data (docs/decisions/0004-onnx-export.md).
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            torch.onnx.export(
                _head_tuple(network, heads, logits=logits),
                (torch.zeros(1, 3, *size),),
                str(path),
                dynamo=False,
                opset_version=opset,
                input_names=[INPUT_NAME],
                output_names=list(heads),
                dynamic_axes=axes if dynamic else None,
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            first = str(error).strip().splitlines()[0]
            raise ConversionError(f"torch's exporter failed: {first}", stage=TRACING) from error


def _head_tuple(network: torch.nn.Module, heads: Sequence[str], *, logits: bool) -> torch.nn.Module:
    """Wrap a network so that what is asked for comes as a tuple in a known order, activated as asked."""
    import torch

    class HeadTuple(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            raw = raw_outputs(self.network, image)
            return tuple(
                torch.sigmoid(raw[head]) if head in PROBABILITY_HEADS and not logits else raw[head] for head in heads
            )

    return HeadTuple().eval()


def simplify_onnx(source: Path, target: Path, *, heads: Sequence[str]) -> None:
    """Simplify an exported model and check that it is still the model it was.

    onnxsim notes the nodes that it made in the model's metadata; only ours is kept. Its own numeric check is off: the
    parity step that follows compares on real pictures.

    Raises:
        ConversionError: onnxsim is not installed, or it failed.
    """
    import onnx

    try:
        import onnxsim
    except ImportError as error:
        raise ConversionError(
            "onnxsim is not installed",
            stage=SIMPLIFICATION,
            hint="leave --simplify out (it gains nothing measurable), or pip install onnxsim",
        ) from error
    model = onnx.load(str(source))
    notes = {entry.key: entry.value for entry in model.metadata_props}
    (opset,) = (entry.version for entry in model.opset_import)
    try:
        simplified, _ = onnxsim.simplify(model, check_n=0)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise ConversionError(
            f"onnxsim failed: {error}", stage=SIMPLIFICATION, hint="export without --simplify"
        ) from error
    set_metadata(simplified, notes[METADATA_KEY])
    check_onnx(simplified, heads=heads, opset=opset, stage=SIMPLIFICATION)
    write_onnx(simplified, target)


def set_metadata(model: onnx.ModelProto, text: str) -> None:
    """Make our key the model's only metadata: other tools' notes would travel into the ``.mnn`` too."""
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=text)


def check_onnx(model: onnx.ModelProto, *, heads: Sequence[str], opset: int = OPSET, stage: str = TRACING) -> None:
    """Read a model back: opset, names, no external data, finite weights, valid by ``onnx.checker``.

    Args:
        model: model to check.
        heads: names of the outputs, in the order of the graph.
        opset: operator set that was asked for.
        stage: step of the chain that errors name.

    Raises:
        ConversionError: the first thing that is not as it must be.
    """
    import onnx

    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets != {"": opset}:
        raise ConversionError(f"asked for opset {opset}, the file has {opsets}", stage=stage)
    if opset < DEFORM_CONV_OPSET and any(node.op_type == DEFORM_CONV for node in model.graph.node):
        raise ConversionError(f"opset {opset} has no {DEFORM_CONV}, the file holds one", stage=stage)
    names = [value.name for value in model.graph.input], [value.name for value in model.graph.output]
    if names != ([INPUT_NAME], list(heads)):
        raise ConversionError(
            f"expected {[INPUT_NAME]} -> {list(heads)}, the file has {names[0]} -> {names[1]}", stage=stage
        )
    check_weights(model, stage=stage)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f"the file is no valid ONNX: {error}", stage=stage) from error


def check_weights(model: onnx.ModelProto, *, stage: str) -> None:
    """Refuse weights outside the file, and weights that are not finite.

    MNN's converter reads a model whose external data is missing as one with other weights, and lets NaN pass.

    Raises:
        ConversionError: names the first such weight.
    """
    import numpy as np
    import onnx

    for weight in model.graph.initializer:
        if weight.data_location == onnx.TensorProto.EXTERNAL:
            raise ConversionError(f"weight {weight.name!r} lies outside the file (external data)", stage=stage)
        values = onnx.numpy_helper.to_array(weight)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            count = int(values.size - np.isfinite(values).sum())
            raise ConversionError(f"weight {weight.name!r} has {count} values that are NaN or infinite", stage=stage)


def write_onnx(model: onnx.ModelProto, path: Path) -> None:
    """Write a model so that equal models give equal bytes."""
    path.write_bytes(model.SerializeToString(deterministic=True))
