"""Parity of objects: what must have a partner, what counts as an error, and what as a near tie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import CHANNELS, tiny_schema

from deepmark.exporter.near_ties import Slack
from deepmark.exporter.objects import SCORE_FLOOR, ObjectTally, decode_objects
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.provenance import ObjectParity

PARAMS = DecoderParams(sigma_center=0.0, sigma_keypoint=0.0)  # unblurred, so that planted values are what is compared
EXACT = Slack({})
ROUNDING = Slack(dict.fromkeys(("hm", "wh", "hps", "reg", "hm_hp", "hp_offset"), 1e-3))
X, Y = 10, 8  # where the object of class 0 stands; its landmarks are the groups 0 and 1


def _heads(score: float = 0.8) -> Heads:
    """One object of 12 x 12 cells with a landmark peak 3 cells left of it and one 3 cells right."""
    maps = {name: np.zeros((channels, 16, 24), np.float32) for name, channels in CHANNELS.items()}
    maps["hm"][0, Y, X] = score
    maps["wh"][:] = 12
    maps["reg"][:] = maps["hp_offset"][:] = 0.5
    maps["hps"][0], maps["hps"][1] = -2.5, 0.5  # away from whole cells, where the mask would jump
    maps["hps"][2], maps["hps"][3] = 3.5, 0.5
    maps["hm_hp"][0, Y, X - 3] = maps["hm_hp"][1, Y, X + 3] = 0.9
    return Heads(**maps)


def _changed(heads: Heads, head: str, where: tuple[object, ...], value: float) -> Heads:
    values = getattr(heads, head).copy()
    values[where] = value
    return replace(heads, **{head: values})


def _compare(expected: Heads, found: Heads, slack: Slack = EXACT) -> ObjectParity:
    tally = ObjectTally(tiny_schema(), PARAMS, landmark_cells=0.05)
    before, after = (decode_objects(heads, tiny_schema(), PARAMS) for heads in (expected, found))
    tally.add(before, after, expected, slack)
    return tally.result()


def test_equal_maps_give_equal_objects() -> None:
    result = _compare(_heads(), _heads())
    assert result == ObjectParity(
        expected=1, matched=1, unexplained=0, landmarks=2, near_ties=0,
        max_landmark_error=0.0, max_box_error=0.0, max_score_error=0.0,
    )  # fmt: skip


def test_the_cell_of_an_object_is_found_again() -> None:
    objects = decode_objects(_heads(), tiny_schema(), PARAMS)
    assert objects.cells.tolist() == [[X, Y]]


def test_a_missing_object_is_unexplained() -> None:
    result = _compare(_heads(), _heads(score=0.0))
    assert (result.expected, result.matched, result.unexplained) == (1, 0, 1)


def test_an_object_too_many_is_unexplained() -> None:
    result = _compare(_heads(), _changed(_heads(), "hm", (0, 2, 20), 0.5))
    assert (result.expected, result.matched, result.unexplained) == (2, 1, 1)


def test_the_same_cell_in_another_class_is_no_partner() -> None:
    moved = _changed(_changed(_heads(), "hm", (0, Y, X), 0.0), "hm", (1, Y, X), 0.8)
    result = _compare(_heads(), moved)
    assert (result.expected, result.matched, result.unexplained) == (2, 0, 2)


def test_a_partner_may_lie_just_below_the_floor() -> None:
    # Score = 0.8 * s_box + 0.2 * mean(v); the landmarks are found with v = 0.9.
    at_floor = (SCORE_FLOOR - 0.2 * 0.9) / 0.8
    assert at_floor < 0  # landmarks alone lift an object above it, so take them away
    above, below = (_changed(_heads(score), "hm_hp", (slice(None),), 0.0) for score in (0.1251, 0.1249))
    result = _compare(above, below, ROUNDING)
    assert (result.expected, result.matched, result.unexplained) == (1, 1, 0)


def test_objects_below_the_floor_on_both_sides_are_not_compared() -> None:
    weak = _changed(_heads(0.05), "hm_hp", (slice(None),), 0.0)
    assert _compare(weak, _heads(0.0)).expected == 0


def test_a_moved_landmark_is_an_error_of_its_distance() -> None:
    moved = _changed(_heads(), "hp_offset", (0, Y, X - 3), 0.9)
    result = _compare(_heads(), moved)
    assert result.max_landmark_error == pytest.approx(0.75 * 0.4, abs=1e-6)  # gamma times the offset's change
    assert result.near_ties == 0


def test_a_larger_box_and_another_score_are_errors() -> None:
    result = _compare(_heads(0.8), _changed(_heads(0.7), "wh", (0, Y, X), 13))
    assert result.max_box_error == pytest.approx(0.5)
    assert result.max_score_error == pytest.approx(0.8 * 0.1, abs=1e-3)


def test_a_jump_between_near_ties_is_counted_and_one_beyond_the_slack_is_an_error() -> None:
    # Two peaks at one distance from the mask's middle, left and right of it.
    base = _changed(_heads(), "hm_hp", (0, Y, X - 3), 0.0)
    base = _changed(base, "hm_hp", (0, Y, X - 4), 0.9)
    left = _changed(base, "hm_hp", (0, Y, X - 2), 0.8996)
    right = _changed(base, "hm_hp", (0, Y, X - 2), 0.9004)
    tied = _compare(left, right, ROUNDING)
    assert (tied.near_ties, tied.max_landmark_error) == (1, 0.0)
    strict = _compare(left, right, Slack({"hm_hp": 1e-5}))
    assert strict.near_ties == 0
    assert strict.max_landmark_error == pytest.approx(0.75 * 2, abs=1e-5)


def test_a_landmark_at_the_threshold_may_be_refined_or_not() -> None:
    s = 12 / 9
    off_centre = np.exp(-1 / (2 * s**2))  # the peak is one cell beside the mask's middle (floor(7.5), floor(8.5))
    base = _changed(_heads(), "hm_hp", (0, Y, X - 3), 0.0)
    above = _changed(base, "hm_hp", (0, Y, X - 4), 0.1004 / off_centre)
    below = _changed(base, "hm_hp", (0, Y, X - 4), 0.0996 / off_centre)
    assert _compare(above, below, ROUNDING).near_ties == 1
    assert _compare(above, below, Slack({"hm_hp": 1e-5})).max_landmark_error > 0.05


def test_a_coarse_position_at_a_whole_cell_may_put_the_mask_on_either_side() -> None:
    heads = _changed(_heads(), "hm_hp", (0, Y), 0.0)
    heads = _changed(heads, "hm_hp", (0, Y, [X - 5, X - 2]), 0.9)
    low = _changed(heads, "hps", (0, Y, X), -3.0001)  # the mask stands on X - 4: nearest to X - 5
    high = _changed(heads, "hps", (0, Y, X), -2.9999)  # on X - 3: nearest to X - 2
    assert _compare(low, high, ROUNDING).near_ties == 1
    assert _compare(low, high, Slack({"hps": 1e-5})).max_landmark_error > 1


def test_a_landmark_at_the_edge_of_its_box_may_pass_the_gate_or_not() -> None:
    # The box ends at 10.5 - 6 = 4.5; the refined landmark stands at 4 + 0.5.
    base = _changed(_heads(), "hm_hp", (0, Y, X - 3), 0.0)
    base = _changed(base, "hps", (0, Y, X), -5.3)
    base = _changed(base, "hm_hp", (0, Y, X - 6), 0.9)
    inside = _changed(base, "hp_offset", (0, Y, X - 6), 0.5002)
    outside = _changed(base, "hp_offset", (0, Y, X - 6), 0.4998)
    assert _compare(inside, outside, ROUNDING).near_ties == 1
    assert _compare(inside, outside, EXACT).max_landmark_error > 0.05


def test_a_neighbouring_centre_of_nearly_the_same_value_may_win() -> None:
    one = _changed(_heads(), "hm", (0, Y, X + 1), 0.7996)
    other = _changed(_heads(), "hm", (0, Y, X + 1), 0.8004)
    tied = _compare(one, other, ROUNDING)
    assert (tied.expected, tied.near_ties, tied.unexplained) == (2, 2, 0)
    assert _compare(one, other, Slack({"hm": 1e-5})).unexplained == 2


@pytest.mark.parametrize(("own", "third", "unexplained"), [(0.5, 0.5005, 0), (0.0, 0.45, 1)])
def test_an_object_may_be_crowded_out_by_others_as_strong_but_not_by_weaker_ones(
    own: float, third: float, unexplained: int
) -> None:
    """With top_k 1 both sides decode two peaks; landmarks make the second of them the best object."""
    params = replace(PARAMS, top_k=1)
    expected = _changed(_changed(_heads(0.5), "hm", (0, 2, 20), 0.55), "hm", (0, 14, 2), 0.4995)
    found = _changed(_changed(expected, "hm", (0, 14, 2), third), "hm", (0, Y, X), own)
    before, after = (decode_objects(heads, tiny_schema(), params) for heads in (expected, found))
    assert (before.cells[0].tolist(), len(after.detections)) == ([X, Y], 2)
    tally = ObjectTally(tiny_schema(), params, landmark_cells=0.05)

    tally.add(before, after, expected, ROUNDING)

    assert tally.result().unexplained == unexplained
    assert tally.result().near_ties == 1 - unexplained


def test_a_coarse_landmark_that_moves_is_never_a_near_tie() -> None:
    nothing = _changed(_heads(), "hm_hp", (slice(None),), 0.0)
    result = _compare(nothing, _changed(nothing, "hps", (0, Y, X), -2.0), ROUNDING)
    assert result.near_ties == 0
    assert result.max_landmark_error == pytest.approx(0.5)


def test_without_technique_4_nothing_is_excused() -> None:
    params = DecoderParams.baseline()
    base = _changed(_heads(), "hps", (0, Y, X), -3.0)
    left = _changed(_changed(base, "hm_hp", (0, Y, X - 5), 0.9), "hm_hp", (0, Y, X - 3), 0.0)
    right = _changed(_changed(base, "hm_hp", (0, Y, X - 2), 0.9), "hm_hp", (0, Y, X - 3), 0.0)
    tally = ObjectTally(tiny_schema(), params, landmark_cells=0.05)
    one, other = (decode_objects(heads, tiny_schema(), params) for heads in (left, right))
    tally.add(one, other, left, ROUNDING)
    assert tally.result().near_ties == 0
    assert tally.result().max_landmark_error > 1
