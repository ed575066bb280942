"""Parity of heads, and verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_network import HEADS, tiny_manifest, tiny_network

from deepmark.errors import ParityError, UsageError
from deepmark.exporter.parity import ATOL, RTOL, HopTally, ParityReport, ParitySample, Tolerances
from deepmark.exporter.pictures import ParityPicture, noise
from deepmark.exporter.stages import ChainStage, compare_stages, torch_stage
from deepmark.runtime.arrays import F32
from deepmark.runtime.provenance import HopParity

MANIFEST = tiny_manifest()
PICTURE = ParityPicture("noise", noise((64, 96)))


@pytest.fixture(scope="module")
def sample() -> ParitySample:
    with torch_stage(tiny_network(), MANIFEST.heads) as stage:
        return stage.sample(PICTURE, MANIFEST)


def _hop(expected: ParitySample, found: ParitySample, tolerances: Tolerances | None = None) -> HopParity:
    tally = HopTally(
        "before",
        "after",
        spec=MANIFEST.heads,
        schema=MANIFEST.keypoints,
        params=MANIFEST.decoder,
        tolerances=tolerances or Tolerances(),
    )
    tally.add(expected, found)
    return tally.result()


def _with(sample: ParitySample, head: str, values: np.ndarray) -> ParitySample:
    values = values.astype(np.float32)
    scales = {**sample.scales, head: float(np.abs(values).max())}
    return replace(sample, outputs={**sample.outputs, head: values}, scales=scales)


def test_a_stage_is_equal_to_itself(sample: ParitySample) -> None:
    hop = _hop(sample, sample)
    assert hop.passed
    assert hop.objects.expected > 0
    assert {head.head: head.max_error for head in hop.heads} == dict.fromkeys(HEADS, 0.0)


@pytest.mark.parametrize("head", HEADS)
def test_one_wrong_value_in_any_head_fails_and_is_named(sample: ParitySample, head: str) -> None:
    values = sample.outputs[head].copy()
    values[0, 3, 5] += 0.01
    hop = _hop(sample, _with(sample, head, values))
    assert not hop.passed
    assert [one.head for one in hop.heads if one.tolerance_used > 1] == [head]
    with pytest.raises(ParityError, match=f"after is not equal to before: {head} differs by up to 0.01") as error:
        ParityReport((hop,)).require(hint="look closer")
    assert error.value.exit_code == 3
    assert error.value.report == ParityReport((hop,))


def test_the_tolerance_is_absolute_for_small_and_relative_for_large_values(sample: ParitySample) -> None:
    zero = _with(sample, "wh", np.zeros_like(sample.outputs["wh"]))
    large = _with(sample, "wh", np.full_like(sample.outputs["wh"], 100))
    for expected, allowed in ((zero, ATOL), (large, ATOL + RTOL * 100)):
        just = _hop(expected, _with(sample, "wh", expected.outputs["wh"] + np.float32(0.99 * allowed)))
        beyond = _hop(expected, _with(sample, "wh", expected.outputs["wh"] + np.float32(1.01 * allowed)))
        assert (just.passed, beyond.passed) == (True, False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_never_pass(sample: ParitySample, value: float) -> None:
    values = sample.outputs["reg"].copy()
    values[1, 2, 3] = value
    hop = _hop(sample, _with(sample, "reg", values), Tolerances(atol=1e6, rtol=1e6))
    assert not hop.passed


def test_a_model_that_gives_nan_everywhere_fails_in_words_and_not_in_a_crash() -> None:
    def broken(_: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.full((channels, 16, 24), np.nan, np.float32) for name, channels in HEADS.items()}

    with torch_stage(tiny_network(), MANIFEST.heads) as stage:
        report = compare_stages([stage, ChainStage("broken", broken)], [PICTURE], MANIFEST, Tolerances())
    assert not report.passed
    assert report.hops[0].objects.matched == 0


def test_opening_the_tolerance_of_heads_excuses_no_jump_of_a_landmark() -> None:
    with torch_stage(tiny_network(), MANIFEST.heads) as stage:
        moved = ChainStage("moved", lambda x: {**stage.run(x), "hps": stage.run(x)["hps"] + np.float32(0.3)})
        hop = _hop(stage.sample(PICTURE, MANIFEST), moved.sample(PICTURE, MANIFEST), Tolerances(atol=1.0))
    assert all(head.tolerance_used <= 1 for head in hop.heads)
    assert not hop.passed
    assert hop.objects.max_landmark_error > 0.05
    with pytest.raises(ParityError, match="landmarks of equal objects differ by up to"):
        ParityReport((hop,)).require(hint="")


def test_each_step_is_compared_with_the_one_before_and_the_last_with_the_first() -> None:
    with torch_stage(tiny_network(), MANIFEST.heads) as stage:
        stages = [stage, ChainStage("second", stage.run), ChainStage("third", stage.run)]
        report = compare_stages(stages, [PICTURE, PICTURE], MANIFEST, Tolerances())
        pair = compare_stages(stages[:2], [PICTURE], MANIFEST, Tolerances())
    assert [(hop.reference, hop.candidate) for hop in report] == [
        ("torch", "second"),
        ("second", "third"),
        ("torch", "third"),
    ]
    assert [hop.pictures for hop in report] == [2, 2, 2]
    assert len(pair) == 1


def test_small_errors_of_two_steps_do_not_add_up_unseen() -> None:
    with torch_stage(tiny_network(), MANIFEST.heads) as stage:

        def off_by(steps: int) -> ChainStage:
            def run(x: F32) -> dict[str, F32]:
                return {**stage.run(x), "reg": stage.run(x)["reg"] + np.float32(steps * 8e-4)}

            return ChainStage(f"off by {steps}", run)

        report = compare_stages([stage, off_by(1), off_by(2)], [PICTURE], MANIFEST, Tolerances())
    assert [hop.passed for hop in report] == [True, True, False]


def test_parity_of_logits_is_measured_in_logits() -> None:
    manifest = tiny_manifest(logits=True)
    with torch_stage(tiny_network(), manifest.heads) as stage:
        report = compare_stages([stage, ChainStage("same", stage.run)], [PICTURE], manifest, Tolerances())
    assert {head.head: head.unit for head in report.hops[0].heads} == {
        "hm": "logit", "wh": "cells", "hps": "cells", "reg": "cells", "hm_hp": "logit", "hp_offset": "cells",
    }  # fmt: skip
    assert report.hops[0].objects.expected > 0


@pytest.mark.parametrize("name", ["atol", "rtol", "landmark_cells"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e-3])
def test_a_tolerance_that_lets_everything_pass_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a finite number"):
        Tolerances(**{name: value})
