"""The page of an evaluation: its numbers are the report's, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from html_reader import Reader

from deepmark.models.datasets.deepfashion2 import Dataset, open_dataset
from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.models.evaluation.metric import measure_curves
from deepmark.models.evaluation.report import AccuracyReport, measure
from deepmark.models.evaluation.report_page import LISTED_FAULTS, accuracy_page, collect_details, write_report
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.table2 import Table2PaperRow, Table2Row
from deepmark.models.evaluation.truth import Truth, collect_truth
from deepmark.page import Number, Table
from deepmark.runtime.decoding.params import DecoderParams

RUN = {"evaluated": "shirt.deepmark", "annotations": "drawings", "engine": {"backend": "mnn", "model_sha256": None}}


@dataclass(frozen=True)
class Evaluation:
    """A data set and what somebody found in it."""

    dataset: Dataset
    truth: Truth
    results: tuple[ClassResults, ...]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Sixteen drawings; some garments are missed, some taken for others, all a little displaced."""
    folder = tmp_path_factory.mktemp("drawings")
    write_dataset(folder, count=16, seed=4, size=96, workers=1)
    dataset = open_dataset(folder, folder)
    truth = collect_truth(dataset.read_all().annotations, dataset.schema)
    rng, builder = np.random.default_rng(0), ResultsBuilder(dataset.schema)
    for index, one in enumerate(truth.classes):
        for row in range(len(one.boxes)):
            other = index if rng.random() < 0.8 else (index + 1) % 13
            points = np.resize(one.keypoints[row, :, :2], (1, len(dataset.schema.classes[other].groups), 2))
            near = ClassResults(
                one.image_ids[row : row + 1],
                rng.uniform(0.2, 1, 1),
                one.boxes[row : row + 1] + rng.uniform(0, 4, (1, 4)),
                points + rng.normal(0, 3, points.shape),
            )
            builder.add(other, near)
    return Evaluation(dataset, truth, builder.build())


def write(path: Path, evaluation: Evaluation, report: AccuracyReport, faults: Sequence[str] = ()) -> Reader:
    write_report(path, report, evaluation.truth, evaluation.results, evaluation.dataset, run=RUN, faults=faults)
    return Reader(path.read_text(encoding="utf-8"))


def numbers(read: Reader) -> list[float]:
    return [float(str(one["value"])) for one in read.all("data")]


def figures(*precisions: Any) -> list[float]:
    return [one[name] for one in precisions if one is not None for name in ("ap", "ap50", "ap75")]


def rows(document: dict[str, Any]) -> list[float]:
    """The numbers of the page's first sections, in its order, from what ``--json`` prints."""
    found = figures(document["map_pt"], document["map_box"])
    for one in document["classes"]:
        found += [one["items"], one["detections"], *figures(one["points"], one["boxes"])]
    found += [document["items"], document["detections"], *figures(document["map_pt"], document["map_box"])]
    for one in [*document["subsets"], *filter(None, [document["overall"]])]:
        means = (one["points"], one["points_visible"], one["boxes"])
        found += [one["items"], *(mean["ap"] for mean in means if mean is not None)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("subsets", [False, True])
@pytest.mark.parametrize("visible_only", [False, True])
def test_every_number_is_that_of_json(
    evaluation: Evaluation, tmp_path: Path, *, subsets: bool, visible_only: bool
) -> None:
    report = measure(evaluation.truth, evaluation.results, visible_only=visible_only, subsets=subsets)
    printed = msgspec.json.decode(msgspec.json.encode(report))

    read = write(tmp_path / "report.html", evaluation, report)

    expected = rows(printed)
    assert numbers(read)[: len(expected)] == expected
    assert printed["map_pt"]["ap"] > 0.05
    assert ("Subsets" in read.text("h2")) == subsets
    by_threshold = numbers(read)[len(expected) : len(expected) + 20]
    assert np.mean(by_threshold[:10]) == pytest.approx(printed["map_pt"]["ap"], abs=1e-12)
    assert np.mean(by_threshold[10:]) == pytest.approx(printed["map_box"]["ap"], abs=1e-12)
    assert by_threshold[0] == pytest.approx(printed["map_pt"]["ap50"], abs=1e-12)
    assert by_threshold[15] == pytest.approx(printed["map_box"]["ap75"], abs=1e-12)


def test_curves_average_to_the_mean_average_precision(evaluation: Evaluation) -> None:
    curves, report = measure_curves(evaluation.truth, evaluation.results), measure(evaluation.truth, evaluation.results)

    for curve, expected in ((curves.points, report.map_pt), (curves.boxes, report.map_box)):
        assert curve is not None
        assert expected is not None
        assert curve.shape == (10, 101)
        means = [float(part.mean()) for part in (curve, curve[0], curve[5])]
        assert [expected.ap, expected.ap50, expected.ap75] == pytest.approx(means, abs=1e-12)


@pytest.mark.slow
def test_the_page_shows_pictures_confusion_and_what_was_run(evaluation: Evaluation, tmp_path: Path) -> None:
    report = measure(evaluation.truth, evaluation.results)

    read = write(tmp_path / "report.html", evaluation, report, [f"annos/{n:06d}.json: is not JSON" for n in range(200)])

    titles = ["Result", "Classes", "Precision and recall", "Confusion between classes", "Worst pictures"]
    assert read.text("h2") == [*titles, "Best pictures", "What was run"]
    assert len(read.all("img")) == 12
    assert len(read.all("svg")) == 3
    assert {"Most frequent confusions", "Left out, the first 100 of 200"} <= set(read.text("caption"))
    assert sum(text.endswith("is not JSON") for text in read.text("th")) == LISTED_FAULTS
    assert {"engine: backend", "engine: model sha256"} <= set(read.text("dt"))
    assert {"shirt.deepmark", "mnn", "–", "200"} <= set(read.text("dd"))
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


@pytest.mark.slow
def test_table_2_is_shown_where_it_was_made(evaluation: Evaluation, tmp_path: Path) -> None:
    report = measure(evaluation.truth, evaluation.results)
    row = Table2Row("Combined", DecoderParams(), report.map_pt, None, Table2PaperRow(0.445, 0.652))

    page = accuracy_page(
        report,
        collect_details(evaluation.truth, evaluation.results, evaluation.dataset),
        ["a"] * 13,
        run=RUN,
        table2=[row],
    )

    section = next(one for one in page.sections if one.title == "Techniques")
    (table,) = section.blocks
    assert isinstance(table, Table)
    assert report.map_pt is not None
    assert [cell.value for cell in table.rows[0] if isinstance(cell, Number)] == [report.map_pt.ap, None, 0.445, 0.652]
    assert "paper" in section.intro


@pytest.mark.slow
def test_the_same_evaluation_is_the_same_page(evaluation: Evaluation, tmp_path: Path) -> None:
    report = measure(evaluation.truth, evaluation.results)
    for name in ("one.html", "two.html"):
        write(tmp_path / name, evaluation, report)

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


@pytest.mark.slow
def test_without_pictures_none_are_shown(evaluation: Evaluation, tmp_path: Path) -> None:
    blind = replace(evaluation, dataset=_without_pictures(evaluation.dataset))

    read = write(tmp_path / "report.html", blind, measure(evaluation.truth, evaluation.results))

    assert read.all("img") == []
    assert "Worst pictures" not in read.text("h2")


def _without_pictures(dataset: Dataset) -> Dataset:
    return Dataset(dataset._annotations, None, dataset.schema)


@pytest.mark.slow
def test_nothing_found_and_nothing_to_find_are_pages_too(evaluation: Evaluation, tmp_path: Path) -> None:
    nothing = ResultsBuilder(evaluation.dataset.schema).build()
    unseen = replace(evaluation, results=nothing)
    empty = replace(unseen, truth=collect_truth([], evaluation.dataset.schema))

    assert "0.0000" in write(tmp_path / "unseen.html", unseen, measure(unseen.truth, nothing)).text("data")
    read = write(tmp_path / "empty.html", empty, measure(empty.truth, nothing))

    assert "Precision and recall" not in read.text("h2")
    assert "–" in read.text("dd")
