"""The model formats and precisions that we write: the tables for the command line, the documentation and validation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from deepmark.errors import UsageError

if TYPE_CHECKING:
    from deepmark.runtime.bundle import Backend
    from deepmark.runtime.provenance import PrecisionName


@dataclass(frozen=True, slots=True)
class Format:
    """A file format of an exported model.

    Attributes:
        name: name on the command line and of hops in parity tables.
        file: name of the model's file in a bundle.
        backend: engine that runs it.
        summary: what the format is for, in a few words.
    """

    name: str
    file: str
    backend: Backend
    summary: str


ONNX = Format("onnx", "model.onnx", "onnxruntime", "ONNX, opset 17, with DeformConv 19: servers, other converters")
MNN = Format("mnn", "model.mnn", "mnn", "MNN, fp32: phones")
FORMATS = {one.name: one for one in (ONNX, MNN)}  # in the order of the chain

# Form -> what it is; deformable convolutions of an ONNX file.
DCN_FORMS = {
    "native": "DeformConv, opset 19",
    "decomposed": "GridSample and 1x1 convolutions, opset 17, for engines without DeformConv",
}
DEFAULT_DCN = "native"
TARGETS = {
    "cpu": "as the network is",
    "gpu": "depthwise deconvolutions as convolutions, exactly: all operators run on a phone's GPU; one output",
}
DEFAULT_TARGET = "cpu"


def format_of(file: Path) -> Format:
    """Return the format of a model file, by its suffix, which is one of ours."""
    return next(one for one in FORMATS.values() if file.suffix == PurePath(one.file).suffix)


def choose_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """Return the named formats, each once, in the order of the chain.

    Raises:
        UsageError: none is named, or a name is unknown.
    """
    wanted = list(names)
    known = ", ".join(FORMATS)
    for name in wanted:
        if name not in FORMATS:
            raise UsageError(f"unknown format {name!r}", hint=f"choose from {known}")
    if not wanted:
        raise UsageError("no format to export to", hint=f"choose from {known}")
    return tuple(one for one in FORMATS.values() if one.name in wanted)


@dataclass(frozen=True, slots=True)
class Precision:
    """How a model's numbers are stored and computed with.

    Attributes:
        name: name on the command line and in the manifest.
        bytes_per_weight: size of a weight in the file, in bytes.
        formats: names of the formats that have it.
        calibrated: whether pictures decide which values 8 bits stand for.
        flags: command-line arguments of MNN's converter.
        summary: what the precision does, in a few words.
    """

    name: PrecisionName
    bytes_per_weight: int
    formats: tuple[str, ...]
    calibrated: bool
    flags: tuple[str, ...]
    summary: str


FP32 = Precision("fp32", 4, ("onnx", "mnn"), False, (), "every bit")
FP16 = Precision("fp16", 2, ("mnn",), False, ("--fp16",), "weights stored in 16 bits: half the file")
W8 = Precision("w8", 1, ("mnn",), False, ("--weightQuantBits", "8"), "weights stored in 8 bits: a quarter of the file")
INT8 = Precision("int8", 1, ("mnn",), True, (), "weights and activations in 8 bits: a tenth of the memory, too")
PRECISIONS = {one.name: one for one in (FP32, FP16, W8, INT8)}


def choose_precision(name: str, formats: Iterable[Format]) -> Precision:
    """Return the named precision, if all formats have it.

    Raises:
        UsageError: it is unknown, or a format lacks it.
    """
    known = {str(one): precision for one, precision in PRECISIONS.items()}
    if name not in known:
        raise UsageError(f"unknown precision {name!r}", hint=f"choose from {', '.join(known)}")
    precision = known[name]
    lacking = [one.name for one in formats if one.name not in precision.formats]
    if lacking:
        raise UsageError(
            f"precision {name} is for {', '.join(precision.formats)}, not for {', '.join(lacking)}",
            hint=f"export {', '.join(lacking)} by itself, in fp32",
        )
    return precision
