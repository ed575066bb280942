"""What is changed in a ``.mnn`` file: the random id, which is all that differs, and the type of outputs."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

from deepmark.errors import ConversionError
from deepmark.exporter.mnn_file import with_fixed_uuid, with_float_outputs
from deepmark.exporter.mnn_tool import run_tool
from deepmark.exporter.to_mnn import CONVERTER

ONE, OTHER = "01" * 32, "02" * 32


def _converted(source: Path, target: Path) -> bytes:
    arguments = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target)]
    run_tool(CONVERTER, arguments, target.parent)
    return target.read_bytes()


def test_two_conversions_differ_in_their_id_and_in_nothing_else(tiny_onnx: Path, tmp_path: Path) -> None:
    first, second = (_converted(tiny_onnx, tmp_path / f"{i}.mnn") for i in range(2))
    assert first != second
    assert with_fixed_uuid(first, ONE) == with_fixed_uuid(second, ONE)


def test_the_fixed_id_follows_from_the_source_and_touches_36_bytes_at_most(tiny_mnn: Path) -> None:
    model = tiny_mnn.read_bytes()
    one, other = with_fixed_uuid(model, ONE), with_fixed_uuid(model, OTHER)
    assert len(one) == len(other) == len(model)
    assert str(uuid.UUID(hex=ONE[:32])).encode() in one
    assert 0 < np.count_nonzero(np.frombuffer(one, np.uint8) != np.frombuffer(other, np.uint8)) <= 36


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no flatbuffer at all" * 10, b"\xff" * 64])
def test_what_is_no_mnn_file_is_refused(content: bytes) -> None:
    with pytest.raises(ConversionError, match="onnx -> mnn: the converter's file"):
        with_fixed_uuid(content, ONE)


def test_a_truncated_file_is_refused(tiny_mnn: Path) -> None:
    with pytest.raises(ConversionError):
        with_fixed_uuid(tiny_mnn.read_bytes()[:40], ONE)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no flatbuffer at all" * 10, b"\xff" * 64])
def test_what_is_no_mnn_file_has_no_outputs(content: bytes) -> None:
    with pytest.raises(ConversionError, match="mnn -> int8: the quantiser's file"):
        with_float_outputs(content, ["hm"])


def test_outputs_that_the_file_does_not_have_are_named(tiny_mnn: Path) -> None:
    with pytest.raises(ConversionError, match="mnn -> int8: the quantiser's file"):
        with_float_outputs(tiny_mnn.read_bytes(), ["hm"])  # fp32: no tensor is described
