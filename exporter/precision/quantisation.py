"""MNN fp32 -> MNN int8, by MNN's own post-training quantiser in a child process.

Activations: one scale a tensor, the threshold by least Kullback-Leibler divergence over the calibration pictures (its
other methods are broken or crash). Weights: one scale an output channel, symmetric, by the largest value. The graph
must end in logits: 8 bits over a sigmoid's range leave nothing of the small probabilities that peaks stand out from.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2

from deepmark.errors import ConversionError
from deepmark.exporter.formats import INT8
from deepmark.exporter.mnn_file import QUANTISATION, with_float_outputs
from deepmark.exporter.mnn_tool import MnnTool, last_words, run_tool
from deepmark.exporter.precision.calibration import CalibrationSet
from deepmark.exporter.precision.layers import ConvLayer
from deepmark.exporter.to_mnn import check_size
from deepmark.runtime.manifest import Preprocess

QUANTISER = MnnTool(
    function="mnnquant",
    words="the quantiser",
    stage=QUANTISATION,
    success="Quantize model done!",
    trouble=("Check failed", "[ERROR]", "Invalid json", "open ", "not supported", "Can't find tensors"),
    timeout_s=3600,  # 16 s for 32 pictures of 256x256; 64 of 1024x1024 on a busy machine take long
)


def quantise(
    source: Path,
    target: Path,
    *,
    calibration: CalibrationSet,
    preprocess: Preprocess,
    layers: Sequence[ConvLayer],
    float_layers: Sequence[ConvLayer] = (),
) -> None:
    """Quantise a model; its metadata and id come along. The same source and pictures give the same bytes.

    Args:
        source: fp32 ``.mnn`` file that gives logits.
        target: int8 ``.mnn`` file to write; replaced only by a whole one.
        calibration: pictures to calibrate on.
        preprocess: how pictures become network inputs.
        layers: all convolutions of the model.
        float_layers: convolutions that are kept in float; the last ones must be among them, as `kept_layers` has it.

    Raises:
        ConversionError: the quantiser failed, hung, crashed, or wrote no whole model or one with other layers in float.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".int8-") as name:
        folder = Path(name)
        _write_request(folder, calibration, preprocess, float_layers)
        log = run_tool(QUANTISER, [str(source.resolve()), "int8.mnn", "request.json"], folder)
        fresh = folder / "int8.mnn"
        if not fresh.is_file():
            raise ConversionError("the quantiser wrote no file", stage=QUANTISATION, hint=last_words(log))
        weights = sum(layer.weights for layer in layers)
        check_size(
            fresh,
            INT8,
            weights=weights,
            besides=source.stat().st_size - 4 * weights,
            kept=sum(layer.weights for layer in float_layers),
            stage=QUANTISATION,
        )
        fresh.write_bytes(
            with_float_outputs(fresh.read_bytes(), [layer.tensor for layer in float_layers if layer.last])
        )
        fresh.replace(target)


def _write_request(
    folder: Path, calibration: CalibrationSet, preprocess: Preprocess, float_layers: Sequence[ConvLayer]
) -> None:
    """Write what the quantiser reads: a folder of network inputs, and its settings.

    It computes ``(pixel - mean) * normal`` on pixels of 0 to 255, in BGR, as `Preprocess` does on those of 0 to 1.
    """
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, image in enumerate(calibration.images):
        if not cv2.imwrite(str(pictures / f"{number:04d}.png"), image):
            raise ConversionError(
                "cannot write the pictures to calibrate on", stage=QUANTISATION, hint="is the disk full?"
            )
    height, width = calibration.images[0].shape[:2]
    request = {
        "format": preprocess.color,
        "mean": [255 * value for value in preprocess.mean],
        "normal": [1 / (255 * value) for value in preprocess.std],
        "width": width,
        "height": height,
        "path": "pictures/",
        "feature_quantize_method": "KL",
        "weight_quantize_method": "MAX_ABS",
        "skip_quant_op_names": [layer.tensor for layer in float_layers],
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
