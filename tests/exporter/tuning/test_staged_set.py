"""The staged way gives what `decode`, suppression and hotcoco give, bit for bit, for any parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tuning_pictures import SCHEMA, make_pictures, make_truth

from deepmark.exporter.tuning.staged_picture import StagedPicture
from deepmark.exporter.tuning.staged_set import Judgement, StagedSet
from deepmark.models.evaluation.average_precision import Verdicts, mean_average_precision
from deepmark.models.evaluation.picture_items import by_picture, count_items
from deepmark.models.evaluation.report import measure
from deepmark.models.evaluation.results import ResultsBuilder
from deepmark.runtime.decoding.params import DecoderParams

SIGMAS = (0.0, 0.3, 0.45, 1.0)

FIXED = {
    "soft": DecoderParams(nms="soft"),
    "hard, floor": DecoderParams(nms="hard", score_threshold=0.25, top_k=30),
    "soft, floor, skip": DecoderParams(nms="soft", score_threshold=0.2, unrefined="skip", nms_score=0.1),
    "none, no mask": DecoderParams(mask=False),
    "raw, replicate": DecoderParams(nms="soft", threshold_on="raw", border="replicate", keypoint_threshold=0.3),
}


def _points(judgement: Judgement) -> Verdicts:
    assert judgement.points is not None
    return judgement.points


def some_params(fixed: DecoderParams, seed: int) -> list[DecoderParams]:
    rng = np.random.default_rng(seed)
    free = [
        replace(
            fixed,
            alpha=float(rng.choice([0, 0.35, 0.8, 1])),
            sigma_center=float(rng.choice(SIGMAS)),
            sigma_keypoint=float(rng.choice([0, 0.5, 0.9])),
            gamma=float(rng.choice([0, 0.3, 0.75, 1])),
        )
        for _ in range(6)
    ]
    off = replace(fixed, alpha=1.0, sigma_center=0.0, sigma_keypoint=0.0, gamma=1.0)
    return [*free, off, free[0]]  # the first one again, when everything else has been in between


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize(("levels", "looks"), [(0, 1), (12, 1), (0, 3), (12, 2)])
def test_detections_and_figures_are_those_of_the_decoder_and_of_the_metric(name: str, levels: int, looks: int) -> None:
    fixed = FIXED[name]
    pictures = make_pictures(6, seed=3, levels=levels, looks=looks)
    truth = make_truth(pictures, seed=4)
    decoded = [StagedPicture(one, SCHEMA, fixed, SIGMAS) for one in pictures]
    picture_of = np.repeat(np.arange(len(decoded)), [len(one.class_ids) for one in decoded])
    class_ids, corners = (np.concatenate([getattr(one, name) for one in decoded]) for name in ("class_ids", "boxes"))
    staged = StagedSet(decoded, list(by_picture(truth).values()), SCHEMA, fixed, SIGMAS)
    labelled, boxes = count_items(truth)
    figures = []
    for params in some_params(fixed, seed=5):
        builder = ResultsBuilder(SCHEMA)
        ranked = staged.rank(params)
        for position, picture in enumerate(pictures):
            expected = picture.detect(params)
            builder.add_detections(picture.image_id, expected)
            by_class = np.argsort(expected.class_ids, kind="stable")
            own = picture_of[ranked.objects] == position
            np.testing.assert_array_equal(class_ids[ranked.objects[own]], expected.class_ids[by_class])
            np.testing.assert_array_equal(ranked.scores[own], expected.scores[by_class])
            np.testing.assert_array_equal(corners[ranked.objects[own]], expected.boxes[by_class])
        report = measure(truth, builder.build())
        outcome = staged.evaluate(params, boxes=True)
        assert outcome.boxes is not None
        assert report.map_pt is not None
        assert report.map_box is not None
        assert abs(mean_average_precision(_points(outcome), labelled)[0] - report.map_pt.ap) < 1e-6
        assert abs(mean_average_precision(outcome.boxes, boxes)[0] - report.map_box.ap) < 1e-6
        figures.append(report.map_pt.ap)
    assert max(figures) > 0.05  # there is something to find
    assert len(set(figures)) > 2  # and it depends on the parameters


def test_a_network_without_the_optional_heads() -> None:
    pictures = make_pictures(2, seed=8, optional=False)
    truth = make_truth(pictures, seed=1)
    fixed = DecoderParams(nms="soft", alpha=0.5)
    staged = StagedSet(
        [StagedPicture(one, SCHEMA, fixed, (0.45,)) for one in pictures],
        list(by_picture(truth).values()),
        SCHEMA,
        fixed,
        (0.45,),
    )
    builder = ResultsBuilder(SCHEMA)
    for picture in pictures:
        builder.add_detections(picture.image_id, picture.detect(fixed))
    expected = measure(truth, builder.build()).map_pt
    assert expected is not None
    found = mean_average_precision(_points(staged.evaluate(fixed, boxes=False)), count_items(truth)[0])
    assert abs(found[0] - expected.ap) < 1e-6


def test_boxes_are_judged_only_where_that_is_asked_for() -> None:
    pictures = make_pictures(1)
    truth = make_truth(pictures)
    fixed = DecoderParams()
    staged = StagedSet(
        [StagedPicture(one, SCHEMA, fixed, (0.45,)) for one in pictures],
        list(by_picture(truth).values()),
        SCHEMA,
        fixed,
        (0.45,),
    )
    assert staged.evaluate(fixed, boxes=False).boxes is None
