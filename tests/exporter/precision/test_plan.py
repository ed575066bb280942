"""What precision may be asked for, with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from deepmark.errors import UsageError
from deepmark.exporter.formats import FP32, INT8, MNN, ONNX, PRECISIONS
from deepmark.exporter.precision.plan import Limits, make_plan
from deepmark.runtime.provenance import PrecisionName


def test_the_manifest_knows_exactly_the_precisions_that_are_written() -> None:
    assert list(get_args(PrecisionName)) == list(PRECISIONS)


def test_an_unknown_precision_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown precision 'int4'") as error:
        make_plan("int4", (MNN,))
    assert error.value.hint == "choose from fp32, fp16, w8, int8"


@pytest.mark.parametrize("name", ["fp16", "w8", "int8"])
def test_onnx_has_fp32_only(name: str) -> None:
    with pytest.raises(UsageError, match=f"precision {name} is for mnn, not for onnx"):
        make_plan(name, (ONNX, MNN))
    assert make_plan("fp32", (ONNX, MNN)).precision is FP32


@pytest.mark.parametrize("name", ["fp32", "fp16", "w8"])
@pytest.mark.parametrize(
    ("options", "words"), [({"calibration": "photos"}, "--calibration"), ({"keep_float": ["hm"]}, "--keep-float")]
)
def test_options_of_int8_are_refused_elsewhere(name: str, options: Mapping[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"{words} has no meaning with precision {name}"):
        make_plan(name, (MNN,), **options)
    assert make_plan("int8", (MNN,), **options).precision is INT8


def test_a_bound_on_accuracy_needs_a_precision_that_may_lose_some() -> None:
    assert make_plan("w8", (MNN,), limits=Limits(max_map_drop=0.01)).limits.max_map_drop == 0.01
    with pytest.raises(UsageError, match="no meaning with fp32"):
        make_plan("fp32", (MNN,), limits=Limits(max_map_drop=0.01))


def test_accuracy_on_no_drawings_is_refused() -> None:
    with pytest.raises(UsageError, match="1 drawing or more, found 0"):
        Limits(max_map_drop=0.1, drawings=0)


@pytest.mark.parametrize(("min_kept", "max_map_drop"), [(1.1, None), (float("nan"), None), (0.5, -0.1)])
def test_limits_outside_0_to_1_are_refused(min_kept: float, max_map_drop: float | None) -> None:
    with pytest.raises(UsageError, match=r"must be in \[0, 1\]"):
        Limits(min_kept=min_kept, max_map_drop=max_map_drop)
