"""What an export is asked for, checked before anything heavy happens."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import CheckpointError, UsageError
from deepmark.exporter.formats import DCN_FORMS, DEFAULT_DCN, DEFAULT_TARGET, MNN, ONNX, TARGETS, Format, choose_formats
from deepmark.extras import require
from deepmark.models.size import MULTIPLE, check_multiple
from deepmark.runtime.bundle import BUNDLE_SUFFIX, ZIP_SUFFIX
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT, LAYOUTS
from deepmark.runtime.native_libraries import native_path

# Peak memory of a whole export, measured at 128x128 (0.93 GB) to 1024x1024 (1.96 GB) and rounded up: parity holds the
# maps of torch and of every engine at once. The engines alone go further.
BASE_BYTES = 1 << 30
BYTES_PER_PIXEL = 1_500
MEMORY_LIMIT_BYTES = 8 << 30
# mDLA-34's own weights are in the base. Beside them: an export of Hourglass-104 (194.8 M parameters, .78 GB) took
# 5.4 GB at 128x128 and 5.0 GB at 256x256 (MNN at Winograd level 0 there).
BASE_PARAMETERS = 20_200_000
WEIGHT_COPIES = 6

NEEDED = ("torch", "onnx", "onnxruntime")
_NAME = re.compile(r"[^\W_][^/\\:\x00-\x1f\ud800-\udfff]*")  # the last range: bytes that are no Unicode


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A request that can be tried.

    Attributes:
        checkpoint: checkpoint file.
        formats: formats to write, in the order of the chain.
        output: folder that the bundle goes to.
        name: name of the model.
        size: height, width in pixels.
        heads: layout of the graph, one of `LAYOUTS`.
        dcn: way that deformable convolutions are written in the ONNX file, one of `DCN_FORMS`.
        target: processor that MNN's model is written for, one of `TARGETS`.
    """

    checkpoint: Path
    formats: tuple[Format, ...]
    output: Path
    name: str
    size: tuple[int, int]
    heads: str
    dcn: str = DEFAULT_DCN
    target: str = DEFAULT_TARGET

    @property
    def bundle(self) -> Path:
        """Return the bundle's folder."""
        return self.output / f"{self.name}{BUNDLE_SUFFIX}"

    @property
    def zip_file(self) -> Path:
        """Return the bundle's zip file."""
        return self.output / f"{self.name}{ZIP_SUFFIX}"


def make_request(
    checkpoint: str | Path,
    to: Iterable[str],
    output: str | Path | None,
    name: str | None,
    size: int | tuple[int, int],
    heads: str = DEFAULT_LAYOUT,
    dcn: str = DEFAULT_DCN,
    target: str = DEFAULT_TARGET,
) -> ExportRequest:
    """Check a request, without torch.

    Raises:
        UsageError: a format, a layout of heads, a form of deformable convolutions or a target is unknown, or the size,
            the name or the output folder cannot be.
        CheckpointError: there is no such file, or it may not be looked at.
        DeepMarkError: a library that every export needs is not installed.
    """
    checkpoint = Path(checkpoint)
    formats = choose_formats([to] if isinstance(to, str) else to)
    size = (size, size) if isinstance(size, int) else size
    check_size(size)
    if heads not in LAYOUTS:
        raise UsageError(f"unknown layout of heads {heads!r}", hint=f"choose from {', '.join(LAYOUTS)}")
    if dcn not in DCN_FORMS:
        raise UsageError(f"unknown form of deformable convolutions {dcn!r}", hint=f"choose from {', '.join(DCN_FORMS)}")
    if dcn != DEFAULT_DCN and ONNX not in formats:
        raise UsageError(
            f"deformable convolutions are {dcn} in ONNX files, and none was asked for",
            hint="add --to onnx, or leave --dcn out: MNN's model never has them",
        )
    if target not in TARGETS:
        raise UsageError(f"unknown target {target!r}", hint=f"choose from {', '.join(TARGETS)}")
    if target != DEFAULT_TARGET and MNN not in formats:
        raise UsageError(f"only MNN's model is written for a {target}, and none was asked for", hint="add --to mnn")
    name = checkpoint.stem if name is None else name
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a model", hint="begin with a letter or digit; no slashes, no colons")
    require("exporting", *NEEDED, extra="export")
    try:
        found = checkpoint.exists()
    except OSError as error:
        raise CheckpointError(f"cannot read {checkpoint}: {error.strerror}", hint="may you read it?") from error
    if not found:
        raise CheckpointError(f"there is no file {checkpoint}", hint="check the path of the checkpoint")
    output = Path() if output is None else Path(output)
    native_path(output, UsageError)
    return ExportRequest(checkpoint, formats, output, name, size, heads, dcn, target)


def check_size(size: tuple[int, int], *, multiple: int = MULTIPLE, parameters: int = 0) -> None:
    """Refuse an input size that a network does not take, or that an export would take too much memory for.

    Args:
        size: height and width, in pixels.
        multiple: number of pixels that both must be multiples of.
        parameters: number of the network's parameters; 0 where it is not known yet.

    Raises:
        UsageError: names the nearest sizes, or the largest.
    """
    check_multiple(size, multiple)
    height, width = size
    base = BASE_BYTES + 4 * WEIGHT_COPIES * max(0, parameters - BASE_PARAMETERS)
    needed = base + height * width * BYTES_PER_PIXEL
    if needed > MEMORY_LIMIT_BYTES:
        side = math.isqrt(max(MEMORY_LIMIT_BYTES - base, 0) // BYTES_PER_PIXEL) // multiple * multiple
        raise UsageError(
            f"an export at {height}x{width} needs about {needed >> 30} GiB of memory,"
            f" the limit is {MEMORY_LIMIT_BYTES >> 30} GiB",
            hint=f"the largest square is {side}x{side}; the network is trained at 128 to 512",
        )
