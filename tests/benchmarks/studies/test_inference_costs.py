"""The study of what flip tests and scales cost: every way is run, and ratios are to what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepmark.benchmarks.studies import inference_costs as module
from deepmark.benchmarks.studies.inference_costs import ALL_SCALES, FLIP, FLIP_TOGETHER, SINGLE, measure
from deepmark.errors import UsageError


@pytest.mark.slow
def test_every_way_is_measured_in_every_engine(tiny_bundle: Path, demo_pictures: tuple[Path, ...]) -> None:
    found = measure(tiny_bundle, demo_pictures[:1], scales=(0.5, 1.0), mode="keep", rounds=2)
    ways = [SINGLE, FLIP, FLIP_TOGETHER, "scale 0.5", "scale 1", ALL_SCALES]
    assert [one.way for one in found] == ways * (len(found) // len(ways))
    assert {one.pairs for one in found} == {2}
    assert found[0].ratio == 1.0


def test_ratios_are_of_one_round() -> None:
    times = {
        SINGLE: [1.0, 10.0],
        FLIP: [2.0, 20.0],
        "scale 1": [1.0, 10.0],
        "scale 2": [3.0, 30.0],
        ALL_SCALES: [2.0, 20.0],
    }
    found = {one.way: one for one in module._summary("engine", times)}
    assert (found[FLIP].ratio, found[FLIP].against) == (2.0, SINGLE)
    assert (found[ALL_SCALES].ratio, found[ALL_SCALES].against) == (0.5, "the sum of its scales")


def test_scales_that_are_none_are_refused(tiny_bundle: Path, demo_pictures: tuple[Path, ...]) -> None:
    with pytest.raises(UsageError, match="a scale of 20 is not possible"):
        measure(tiny_bundle, demo_pictures[:1], scales=(20.0,), mode="fix", rounds=1)
