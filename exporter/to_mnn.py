"""ONNX -> MNN, believed only after it was proven: a new file, whole, as large as its weights must make it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.formats import FP16, FP32, Precision
from deepmark.exporter.half_weights import with_half_weights
from deepmark.exporter.mnn_file import CONVERSION, with_fixed_uuid
from deepmark.exporter.mnn_tool import MnnTool, last_words, run_tool
from deepmark.exporter.operators.guard import refuse_faults
from deepmark.exporter.to_onnx import check_weights, write_onnx

if TYPE_CHECKING:
    import onnx

CONVERTER = MnnTool(
    function="mnnconvert",
    words="the converter",
    stage=CONVERSION,
    success="Converted Success!",
    trouble=(
        "Not support option",
        "These Op Not Support",
        "Don't support",
        "Unsupported",
        "Can't open file",
        "Model File Does Not Exist",
        "Converted Failed",
        "[ERROR]",
        "Check failed",
    ),
    timeout_s=300,  # a conversion takes 1 s; a machine that swaps may take longer, a hang takes for ever
)
BIZ_CODE = "deepmark"  # any text but "benchmark", which makes MNN's tools zero the weights

# A model is its weights and a description of the graph, which takes a few hundred bytes a node; 8-bit weights bring
# two scales for every output channel.
GRAPH_BYTES = 256 << 10
SCALES_SHARE = 1.1


def convert_to_mnn(source: Path, target: Path, precision: Precision = FP32) -> None:
    """Convert an ONNX model.

    The model's metadata comes along. The same source gives the same bytes.

    Args:
        source: ONNX file, fp32, all of its data inside.
        target: ``.mnn`` file to write; replaced only by a file that holds every weight.
        precision: precision that weights are stored in; not one that is calibrated.

    Raises:
        ConversionError: the source cannot be read, holds an operator that MNN lacks or computes wrongly, or a weight
            that is not finite or that the precision cannot hold, or the converter failed, hung, crashed, wrote no whole
            model or another precision than was asked for.
    """
    model = read_source(source)
    refuse_faults(model, precision=precision.name)
    weights = count_weights(model)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mnn-") as folder:
        fresh = Path(folder) / "fresh.mnn"
        taken = source
        if precision.name == FP16.name:
            taken = Path(folder) / "halves.onnx"
            write_onnx(with_half_weights(model), taken)
        files = ["--modelFile", str(taken.resolve()), "--MNNModel", str(fresh.resolve())]
        arguments = ["-f", "ONNX", *files, "--bizCode", BIZ_CODE, *precision.flags]
        log = run_tool(CONVERTER, arguments, Path(folder))
        if not fresh.is_file():
            raise ConversionError("the converter wrote no file", stage=CONVERSION, hint=last_words(log))
        check_size(fresh, precision, weights=weights, besides=source.stat().st_size - 4 * weights, stage=CONVERSION)
        fresh.write_bytes(with_fixed_uuid(fresh.read_bytes(), hashlib.sha256(source.read_bytes()).hexdigest()))
        fresh.replace(target)


def check_size(path: Path, precision: Precision, *, weights: int, besides: int, stage: str, kept: int = 0) -> None:
    """Refuse a file that is too short for its weights, or so long that they were not shortened.

    Args:
        path: model file.
        precision: precision that was asked for.
        weights: number of weights.
        besides: size of everything but weights in the file that it was made from, in bytes.
        stage: step of the chain that errors name.
        kept: number of weights that were to stay in float.

    Raises:
        ConversionError: says which.
    """
    found = path.stat().st_size
    least = precision.bytes_per_weight * (weights - kept) + 4 * kept
    if found < least:
        raise ConversionError(
            f"wrote {found} bytes, the weights alone have {least} in {precision.name}",
            stage=stage,
            hint="is the disk full?",
        )
    most = round(SCALES_SHARE * least) + max(besides, 0) + GRAPH_BYTES
    if found > most:
        raise ConversionError(
            f"wrote {found} bytes, expected {most} at most in {precision.name}: not all weights were shortened",
            stage=stage,
        )


def read_source(source: Path) -> onnx.ModelProto:
    """Read an ONNX file; refuse one that the converter would misread.

    Raises:
        ConversionError: there is no such file, it is no valid ONNX model, or a weight lies outside or is not finite.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no stubs; onnx raises it

    try:
        model = onnx.load(str(source), load_external_data=False)
        check_weights(model, stage=CONVERSION)
        onnx.checker.check_model(model)
    except FileNotFoundError as error:
        raise ConversionError(f"no file {source.name}", stage=CONVERSION, hint="check its path") from error
    except (DecodeError, onnx.checker.ValidationError) as error:
        why = " ".join(str(error).split())
        raise ConversionError(
            f"{source.name} is no valid ONNX model: {why}", stage=CONVERSION, hint="copy it again, or export it again"
        ) from error
    return model


def count_weights(model: onnx.ModelProto) -> int:
    """Count the float weights of a model."""
    import math

    import onnx

    return sum(math.prod(one.dims) for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT)
