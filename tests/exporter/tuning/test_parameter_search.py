"""The whole search on made-up heads: the split, the gains, and what becomes of techniques that are switched off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from tuning_pictures import SCHEMA, make_pictures, make_truth

from deepmark.errors import DataError
from deepmark.exporter.tuning.items import split_pictures, truth_sha256
from deepmark.exporter.tuning.parameter_search import TuneReport, tune
from deepmark.models.evaluation.picture_heads import PictureHeads
from deepmark.models.evaluation.picture_items import only_pictures
from deepmark.models.evaluation.report import measure
from deepmark.models.evaluation.results import ResultsBuilder
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.head_names import HEAD_ORDER

START = DecoderParams(nms="soft")


@dataclass(frozen=True)
class Heads:
    """Stands for a `HeadStore`."""

    pictures: Sequence[PictureHeads]
    decoder: DecoderParams = START
    heads: tuple[str, ...] = HEAD_ORDER

    @property
    def manifest(self) -> SimpleNamespace:
        return SimpleNamespace(decoder=self.decoder, heads=SimpleNamespace(heads=self.heads))

    def __iter__(self) -> Iterator[PictureHeads]:
        return iter(self.pictures)


@pytest.fixture(scope="module")
def pictures() -> list[PictureHeads]:
    return make_pictures(12)


@pytest.fixture(scope="module")
def truth(pictures: list[PictureHeads]) -> Truth:
    return make_truth(pictures)


def run(pictures: list[PictureHeads], truth: Truth, decoder: DecoderParams = START, **options: Any) -> TuneReport:
    return tune(Heads(pictures, decoder), truth, steps=4, workers=1, **options)  # type: ignore[arg-type]  # a stand-in


def map_of(pictures: Sequence[PictureHeads], truth: Truth, params: DecoderParams) -> tuple[float, float]:
    builder = ResultsBuilder(SCHEMA)
    for one in pictures:
        if one.image_id in truth.image_ids:
            builder.add_detections(one.image_id, one.detect(params))
    report = measure(truth, builder.build())
    assert report.map_pt is not None
    assert report.map_box is not None
    return report.map_pt.ap, report.map_box.ap


def test_without_a_landmark_heatmap_only_the_blur_of_the_centres_is_searched(
    pictures: list[PictureHeads], truth: Truth
) -> None:
    heads: Any = Heads(pictures, heads=("hm", "wh", "hps", "reg"))
    report = tune(heads, truth, steps=2, workers=1)
    assert [sweep.parameter for sweep in report.sweeps] == ["sigma_center"]


@pytest.mark.slow
def test_what_is_reported_is_hotcocos_on_the_pictures_that_were_not_searched(
    pictures: list[PictureHeads], truth: Truth
) -> None:
    report = run(pictures, truth, seed=3, with_map=True)

    searched, checked = split_pictures(truth, 0.5, 3)
    assert report.searched.pictures == report.checked.pictures == 6
    off = replace(START, alpha=1.0, sigma_center=0.0, sigma_keypoint=0.0, gamma=1.0, mask=False)
    after = map_of(pictures, checked, report.found)
    for comparison, params in ((report.over_start, START), (report.over_off, off)):
        before = map_of(pictures, checked, params)
        assert (comparison.sought.before, comparison.sought.after) == (before[0], after[0])
        assert (comparison.boxes.before, comparison.boxes.after) == (before[1], after[1])
        assert comparison.points is not None
        assert comparison.points.low <= comparison.points.high
    for sweep, following in zip(report.sweeps, report.sweeps[1:], strict=False):
        best, better = (max(one.map_pt or 0 for one in each.trials) for each in (sweep, following))
        assert best <= better  # every step keeps what was won
    last = next(one for one in report.sweeps[-1].trials if one.value == report.found.gamma)
    assert last.map_pt == pytest.approx(map_of(pictures, searched, report.found)[0], abs=1e-9)
    assert report.sigma_map is not None
    at = report.sigma_map.sigmas.index
    if {report.found.sigma_center, report.found.sigma_keypoint} <= set(report.sigma_map.sigmas):
        value = report.sigma_map.map_pt[at(report.found.sigma_keypoint)][at(report.found.sigma_center)]
        assert value == pytest.approx(last.map_pt, abs=1e-12)


@pytest.mark.slow
def test_a_model_that_is_at_its_best_gains_nothing_more(pictures: list[PictureHeads], truth: Truth) -> None:
    first = run(pictures, truth, techniques=frozenset((1,)), seed=1)

    second = run(pictures, truth, first.found, techniques=frozenset((1,)), seed=1)

    assert second.found == first.found
    assert not second.significant
    gain = second.over_start.sought
    assert (gain.low, gain.high, gain.before) == (0, 0, gain.after)


def test_techniques_that_are_not_named_are_off_in_what_is_found(pictures: list[PictureHeads], truth: Truth) -> None:
    report = run(pictures, truth, techniques=frozenset((1, 3)))

    assert [one.parameter for one in report.sweeps] == ["alpha", "gamma"]
    assert (report.found.sigma_center, report.found.sigma_keypoint, report.found.mask) == (0, 0, False)
    assert report.start == START  # the gain is over what the model has


@pytest.mark.slow
def test_technique_4_stays_as_in_the_model_unless_techniques_are_named(
    pictures: list[PictureHeads], truth: Truth
) -> None:
    plain = replace(START, mask=False)

    assert not run(pictures, truth, plain).found.mask
    assert run(pictures, truth, plain, techniques=frozenset((3, 4))).found.mask


def test_the_split_is_seeded_and_by_picture(truth: Truth) -> None:
    searched, checked = split_pictures(truth, 0.25, 0)

    assert len(checked.image_ids) == 3
    assert sorted(searched.image_ids + checked.image_ids) == list(truth.image_ids)
    for one, two, whole in zip(searched.classes, checked.classes, truth.classes, strict=True):
        assert len(one.image_ids) + len(two.image_ids) == len(whole.image_ids)
        assert not set(one.image_ids.tolist()) & set(checked.image_ids)
    assert split_pictures(truth, 0.25, 0)[1].image_ids == checked.image_ids
    assert split_pictures(truth, 0.25, 1)[1].image_ids != checked.image_ids


def test_one_picture_cannot_be_split(truth: Truth) -> None:
    with pytest.raises(DataError, match=r"at least two pictures.*found 1"):
        split_pictures(only_pictures(truth, truth.image_ids[:1]), 0.5, 0)


def test_pictures_without_garments_are_refused(pictures: list[PictureHeads]) -> None:
    with pytest.raises(DataError, match="no garment with labelled landmarks in the pictures to search on, 6 of 12"):
        split_pictures(make_truth(pictures, unlabelled=1.0), 0.5, 0)


def test_a_data_set_is_named_by_its_content(pictures: list[PictureHeads], truth: Truth) -> None:
    assert truth_sha256(truth) == truth_sha256(make_truth(pictures))
    assert truth_sha256(truth) != truth_sha256(make_truth(pictures, seed=1))
