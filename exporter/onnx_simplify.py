"""ONNX -> simpler ONNX, optional: onnxsim drops a few Identity nodes and changes nothing that we could measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepmark.errors import ConversionError
from deepmark.exporter.to_onnx import check_onnx, set_metadata, write_onnx
from deepmark.runtime.embedded_manifest import METADATA_KEY

STAGE = "onnx -> simplified"


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
            stage=STAGE,
            hint="leave --simplify out (it gains nothing measurable), or pip install onnxsim",
        ) from error
    model = onnx.load(str(source))
    notes = {entry.key: entry.value for entry in model.metadata_props}
    try:
        simplified, _ = onnxsim.simplify(model, check_n=0)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise ConversionError(f"onnxsim failed: {error}", stage=STAGE, hint="export without --simplify") from error
    set_metadata(simplified, notes[METADATA_KEY])
    check_onnx(simplified, heads=heads, stage=STAGE)
    write_onnx(simplified, target)
