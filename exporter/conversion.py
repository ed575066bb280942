"""The model files of an export, one after the other: ONNX, what is made of it, and MNN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.formats import MNN, PRECISIONS
from deepmark.exporter.request import ExportRequest

if TYPE_CHECKING:
    from deepmark.exporter.deformable.decomposition import LayerForm
    from deepmark.models.loading import LoadedNetwork
    from deepmark.runtime.manifest import Manifest

# Stages of networks with deformable convolutions: the ONNX file that users asked for, and the graph that MNN gets.
DECOMPOSED = "decomposed"
MNN_FORM = "decomposed for mnn"
# What else is done to the graph that MNN gets: for a GPU, where that is asked for; for the CPU otherwise.
GPU_FORM = "gpu form"
BLOCKED_STEM = "blocked stem"


def convert_network(
    loaded: LoadedNetwork,
    folder: Path,
    request: ExportRequest,
    manifest: Manifest,
    *,
    simplify: bool,
    on_progress: Callable[[str], None],
    on_file: Callable[[str, Path], None] = lambda _stage, _file: None,
) -> dict[str, Path]:
    """Write the model files of all stages into a folder; files of an earlier try are replaced.

    Args:
        loaded: network to convert.
        folder: folder to write into.
        request: formats, size and form of deformable convolutions.
        manifest: manifest that the files carry.
        simplify: whether onnxsim runs on the ONNX model.
        on_progress: function that gets one line at each step.
        on_file: function that gets the name of each stage and its file, as soon as that is written.

    Returns:
        The files by the stage's name, in order.

    Raises:
        ConversionError: a converter failed.
    """
    from deepmark.exporter.blocked_stem import write_blocked_stem
    from deepmark.exporter.deform_conv import has_deformable
    from deepmark.exporter.deformable.decomposition import FOR_MNN, PORTABLE, decompose_onnx
    from deepmark.exporter.gpu_form import write_gpu_form
    from deepmark.exporter.operators.back_ends import read_for
    from deepmark.exporter.to_mnn import convert_to_mnn
    from deepmark.exporter.to_onnx import export_onnx, simplify_onnx

    outputs = tuple(manifest.heads.channels)
    files = {"onnx": folder / "network.onnx"}
    on_progress("torch -> onnx")
    export_onnx(
        loaded.network,
        files["onnx"],
        heads=outputs,
        size=request.size,
        dynamic=manifest.input.dynamic,
        logits=manifest.heads.activation == "logits",
        metadata=manifest.to_json(compact=True).decode(),
    )
    on_file("onnx", files["onnx"])
    if simplify:
        on_progress("onnx -> simplified")
        files["simplified"] = folder / "simplified.onnx"
        simplify_onnx(files["onnx"], files["simplified"], heads=outputs)
        on_file("simplified", files["simplified"])
    forms: dict[str, LayerForm] = {}
    if has_deformable(loaded.network):
        forms |= {DECOMPOSED: PORTABLE} if request.dcn == DECOMPOSED else {}
        forms |= {MNN_FORM: FOR_MNN} if MNN in request.formats else {}
    source = files.get("simplified", files["onnx"])
    for stage, form in forms.items():
        on_progress(f"onnx -> {stage}")
        files[stage] = folder / f"{stage.replace(' ', '_')}.onnx"
        decompose_onnx(source, files[stage], form, heads=outputs, size=request.size, multiple=manifest.input.multiple)
        on_file(stage, files[stage])
    if request.target == "gpu":
        on_progress(f"onnx -> {GPU_FORM}")
        source = mnn_source(files)
        files[GPU_FORM] = folder / "gpu_form.onnx"
        write_gpu_form(source, files[GPU_FORM], heads=outputs)
        for one in read_for(files[GPU_FORM], "opencl", "vulkan"):
            on_progress(one.sentence())
        on_file(GPU_FORM, files[GPU_FORM])
    elif MNN in request.formats and not PRECISIONS[manifest.precision].calibrated:
        blocked = folder / "blocked_stem.onnx"
        if write_blocked_stem(mnn_source(files), blocked, heads=outputs):
            on_progress(f"onnx -> {BLOCKED_STEM}")
            files[BLOCKED_STEM] = blocked
            on_file(BLOCKED_STEM, blocked)
    if MNN in request.formats:
        on_progress("onnx -> mnn")
        files["mnn"] = folder / "network.mnn"
        convert_to_mnn(mnn_source(files), files["mnn"])
        on_file("mnn", files["mnn"])
    return files


def mnn_source(files: Mapping[str, Path]) -> Path:
    """Return the ONNX file that MNN's model is converted from."""
    last = next((one for one in (GPU_FORM, BLOCKED_STEM, MNN_FORM, "simplified") if one in files), "onnx")
    return files[last]


def shipped_onnx(files: Mapping[str, Path]) -> Path:
    """Return the ONNX file that users get."""
    return files.get(DECOMPOSED) or files.get("simplified") or files["onnx"]


def calibrated_deformable(precision: str) -> ConversionError:
    """Say why a precision that rounds activations is not for deformable convolutions."""
    return ConversionError(
        f"a network with deformable convolutions cannot be had in {precision}: an offset in 8 bits is a sample read"
        " somewhere else",
        stage=f"mnn -> {precision}",
        hint="--precision w8 or fp16, whose offsets are computed in float",
    )
