"""The model formats that we write: one table for the command line, the documentation and validation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepmark.errors import UsageError

if TYPE_CHECKING:
    from deepmark.runtime.bundle import Backend


@dataclass(frozen=True, slots=True)
class Format:
    """A file format of an exported model.

    Attributes:
        name: as ``--to`` takes it, and as hops are named in parity tables.
        file: its name in a bundle.
        backend: the engine that runs it.
        summary: what it is for.
    """

    name: str
    file: str
    backend: Backend
    summary: str


ONNX = Format("onnx", "model.onnx", "onnxruntime", "ONNX, opset 17: servers, other converters")
MNN = Format("mnn", "model.mnn", "mnn", "MNN, fp32: phones")
FORMATS = {one.name: one for one in (ONNX, MNN)}  # in the order of the chain


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
