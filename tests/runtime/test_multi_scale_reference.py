"""Flip and multi-scale tests against CenterNet's own detector, run with a stand-in network (tests/data/README.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepmark.runtime import DecoderParams, Detections, Heads, KeypointSchema, decode
from deepmark.runtime.arrays import F32
from deepmark.runtime.detector import detect_in_picture
from deepmark.runtime.heads.flipped import FlippedHeads
from deepmark.runtime.heads.maps import sigmoid
from deepmark.runtime.manifest import InputSpec
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.placed_heads import PlacedHeads
from deepmark.runtime.scaled_view import ScaledView

SCHEMA = KeypointSchema.coco_person()
HEADS = ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")
SCALES = range(4)  # 1, .85, .95, 1.1
SEEN = 0.01  # score of the rows that are compared
PARAMS = replace(DecoderParams.baseline(), top_k=40)


class Case:
    """A file of the reference."""

    def __init__(self, name: str) -> None:
        path = Path(__file__).parents[1] / "data" / f"multiscale_{name}.npz"
        with np.load(path, allow_pickle=False) as file:
            self.arrays = {one: file[one] for one in file.files}
        self.inference = MultiInference(scales_mode="fix" if self.arrays["fix_res"] else "keep")
        height, width = self.arrays["input_hw"].tolist()
        self.spec = InputSpec(height, width, multiple=int(self.arrays["pad"]) + 1, dynamic=True)

    def view(self, number: int) -> ScaledView:
        factor = float(self.arrays["scales"][number])
        image: np.ndarray = self.arrays["image_bgr_u8"]
        return ScaledView.of(image.shape[:2], self.spec, factor, self.inference)

    def heads(self, number: int) -> Heads | FlippedHeads:
        """Fuse the raw outputs of a scale."""
        runs = [self._run(number, row) for row in range(len(self.arrays["raw_hm_0"]))]
        if len(runs) == 1:
            return runs[0]
        return FlippedHeads.of(runs[0], runs[1], np.array(SCHEMA.mirror_groups))

    def _run(self, number: int, row: int) -> Heads:
        raw = {head: self.arrays[f"raw_{head}_{number}"][row] for head in HEADS}
        return Heads(**raw | {head: sigmoid(raw[head]) for head in ("hm", "hm_hp")})


@pytest.fixture(scope="module", params=["fix128_flip", "keep32", "keep128_flip"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def rows_of(found: Detections) -> F32:
    """Write detections as the reference does: box, score, 17 x and y."""
    points = [one.reshape(-1) for one in found.keypoints]
    return np.concatenate([found.boxes, found.scores[:, None], np.stack(points)], axis=1)


def test_the_reference_exchanges_the_pairs_of_our_table(case: Case) -> None:
    assert SCHEMA.flip_pairs == tuple(map(tuple, case.arrays["flip_pairs"].tolist()))


@pytest.mark.parametrize("number", SCALES)
def test_the_network_is_shown_what_the_reference_shows_it(case: Case, number: int) -> None:
    drawn = case.view(number).draw(case.arrays["image_bgr_u8"])
    expected = case.arrays[f"input_bgr_u8_{number}"]
    assert drawn.shape == expected.shape
    assert np.abs(drawn.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("number", SCALES)
def test_both_runs_are_fused_as_in_the_reference(case: Case, number: int) -> None:
    heads = case.heads(number)
    for name, fused in vars_of(heads.dense()).items():
        np.testing.assert_allclose(fused, case.arrays[f"fused_{name}_{number}"], atol=2e-6, rtol=2e-6, err_msg=name)


@pytest.mark.parametrize("number", SCALES)
def test_objects_of_a_scale_lie_in_the_picture_where_the_reference_has_them(case: Case, number: int) -> None:
    in_cells = decode(case.heads(number), SCHEMA, PARAMS)
    expected = case.arrays[f"dets_cells_{number}"]
    seen = expected[:, 4] > SEEN
    assert seen.any()
    np.testing.assert_allclose(rows_of(in_cells)[seen], expected[seen, :39], atol=1e-3)
    in_pixels = detect_in_picture([placed(case, number)], SCHEMA, PARAMS)
    np.testing.assert_allclose(rows_of(in_pixels)[seen], case.arrays[f"dets_image_{number}"][seen], atol=1e-2)


def test_objects_of_all_scales_are_merged_as_the_reference_means_it(case: Case) -> None:
    """Its result in place, without the rows behind those that it says it keeps: they are what it removed."""
    found = detect_in_picture((placed(case, number) for number in SCALES), SCHEMA, PARAMS)
    kept = case.arrays["merged_rows"][: int(case.arrays["merged_keep"])]
    kept = kept[np.argsort(-kept[:, 4], kind="stable")]
    seen = kept[:, 4] > SEEN
    assert seen.sum() > 10
    assert (found.scores > SEEN).sum() == seen.sum()
    np.testing.assert_allclose(rows_of(found)[: seen.sum()], kept[seen], atol=1e-2)


def test_suppression_runs_whatever_the_parameters_say_where_scales_are_merged(case: Case) -> None:
    """Gaussian decay leaves a duplicate at most exp(-2) of its score."""
    assert PARAMS.nms is None
    twice = detect_in_picture([placed(case, 0), placed(case, 0)], SCHEMA, PARAMS)
    same = (twice.boxes == twice.boxes[0]).all(axis=1)
    assert same.sum() == 2
    first, second = twice.scores[same]
    assert 0 < second <= 0.1354 * first


def placed(case: Case, number: int) -> PlacedHeads:
    return PlacedHeads(case.heads(number), case.view(number).transform)


def vars_of(heads: Heads) -> dict[str, F32]:
    return {name: getattr(heads, name) for name in HEADS}
