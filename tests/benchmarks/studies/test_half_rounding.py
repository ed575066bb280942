"""The comparison of both ways to 16 bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.errors import DataError


@pytest.mark.slow
def test_rounding_the_demo_network_takes_most_of_the_error_away(
    study: Callable[..., Outcome], demo_bundle: Path, demo_pictures: tuple[Path, ...]
) -> None:
    rows = json.loads(study("half_rounding", demo_bundle, demo_pictures[0], "--json").out)

    assert {row["output"] for row in rows} == {"hm", "hm_hp", "features"}
    assert all(row["ratio"] > 3 for row in rows), rows  # 6 to 8 at 256 x 256, docs/decisions/0011


@pytest.mark.slow
def test_a_bundle_without_onnx_is_refused(study: Callable[..., Outcome], demo_bundle: Path) -> None:
    with pytest.raises(DataError, match=r"has no model\.onnx"):
        study("half_rounding", demo_bundle / "model.mnn", demo_bundle / "manifest.json")
