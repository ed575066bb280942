"""ONNX -> MNN in a child process, believed only after it was proven.

MNN's converter reports success on everything: a missing file, an operator that it does not know, a target folder that
does not exist, weights that it could not read. Given an argument of the wrong type it aborts the interpreter. So it
runs in a process and a folder of its own, and its file counts only if it is new, whole, loads and runs. The commands
``mnnconvert`` and ``mnnquant`` of MNN's wheel are never used: they install a log uploader and report to a server.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.mnn_identity import with_fixed_uuid

if TYPE_CHECKING:
    import onnx

STAGE = "onnx -> mnn"
TIMEOUT_S = 300  # a conversion takes 1 s; a machine that swaps may take longer, a hang takes for ever
SUCCESS = "Converted Success!"
TROUBLE = (
    "Not support option",
    "These Op Not Support",
    "Can't open file",
    "Model File Does Not Exist",
    "Converted Failed",
    "[ERROR]",
    "Check failed",
)
BIZ_CODE = "deepmark"  # any text but "benchmark", which makes MNN's tools zero the weights

# The child imports the wheel's C module and nothing else of MNN. -P keeps the working folder off its import path.
_CHILD = "import sys, _tools; _tools.mnnconvert(sys.argv[1:])"

logger = logging.getLogger(__name__)


def convert_to_mnn(source: Path, target: Path) -> None:
    """Convert an ONNX model, fp32, every weight kept.

    The model's metadata comes along. The same source gives the same bytes.

    Args:
        source: the ONNX file, all of its data inside.
        target: the ``.mnn`` file; replaced only by a file that holds every weight.

    Raises:
        ConversionError: the source cannot be read, holds an operator that MNN lacks or a weight that is not finite, or
            the converter failed, hung, crashed or wrote no whole model.
    """
    weight_bytes = _check_source(source)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mnn-") as folder:
        fresh = Path(folder) / "fresh.mnn"
        files = ["--modelFile", str(source.resolve()), "--MNNModel", str(fresh.resolve())]
        log = run_converter(["-f", "ONNX", *files, "--bizCode", BIZ_CODE], Path(folder))
        if not fresh.is_file():
            raise ConversionError("the converter wrote no file", stage=STAGE, hint=_last_line(log))
        if fresh.stat().st_size < weight_bytes:
            raise ConversionError(
                f"the converter wrote {fresh.stat().st_size} bytes, the weights alone have {weight_bytes}",
                stage=STAGE,
                hint="is the disk full?",
            )
        model = with_fixed_uuid(fresh.read_bytes(), hashlib.sha256(source.read_bytes()).hexdigest())
        fresh.write_bytes(model)
        fresh.replace(target)


def _check_source(source: Path) -> int:
    """Refuse a source that the converter would misread; return the bytes of its weights."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no stubs; onnx raises it

    from deepmark.exporter.onnx_export import check_weights

    try:
        model = onnx.load(str(source), load_external_data=False)
        check_weights(model, stage=STAGE)
        onnx.checker.check_model(model)
    except FileNotFoundError as error:
        raise ConversionError(f"no file {source.name}", stage=STAGE) from error
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ConversionError(f"{source.name} is no valid ONNX model: {error}", stage=STAGE) from error
    return _weight_bytes(model)


def _weight_bytes(model: onnx.ModelProto) -> int:
    import math

    import onnx

    floats = (weight for weight in model.graph.initializer if weight.data_type == onnx.TensorProto.FLOAT)
    return sum(4 * math.prod(weight.dims) for weight in floats)


def run_converter(arguments: Sequence[str], folder: Path) -> str:
    """Run MNN's converter in a child process inside ``folder``; return what it printed.

    Raises:
        ConversionError: it is not installed, crashed, hung, or printed anything but plain success.
    """
    command = [sys.executable, "-P", "-c", _CHILD, "MNNConvert", *arguments]
    try:
        child = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(f"the converter did not finish within {TIMEOUT_S} s", stage=STAGE) from error
    log = child.stdout + child.stderr
    logger.debug("MNN's converter printed:\n%s", log.strip())
    if "No module named '_tools'" in log:
        raise ConversionError("MNN is not installed", stage=STAGE, hint="pip install mnn")
    if child.returncode:
        raise ConversionError(
            f"the converter crashed (exit status {child.returncode})", stage=STAGE, hint=_last_line(log)
        )
    trouble = [line.strip() for line in log.splitlines() if any(sign in line for sign in TROUBLE)]
    if trouble or SUCCESS not in log:
        raise ConversionError(f"the converter failed: {trouble[0] if trouble else _last_line(log)}", stage=STAGE)
    return log


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"its last words: {lines[-1]}" if lines else "it printed nothing"
