"""The page: what it says, whatever was measured, and the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deepmark.benchmarks.report.accuracy import read_accuracies
from deepmark.benchmarks.report.page import make_page
from deepmark.benchmarks.report.paper import paper_gflops
from deepmark.benchmarks.result.document import BenchResult, ContestantResult, Failure
from deepmark.errors import DataError
from deepmark.page import render_page

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
Make = Callable[..., ContestantResult]
Document = Callable[..., BenchResult]
TIMES = [[10.0, 10.1, 10.2]] * 3


def evaluated(folder: Path, sha256: str) -> Path:
    path = folder / "eval.json"
    document = {"evaluated": "shirt.deepmark", "mAP_pt": 0.445, "mAP_box": 0.652, "engine": {"model_sha256": sha256}}
    path.write_text(json.dumps({**document, "accuracy": {"more": 1}}))
    return path


@pytest.mark.slow
def test_a_page_of_everything(tmp_path: Path, measured: Make, result: Document) -> None:
    document = result(
        measured("62 small", TIMES),
        measured("294 small", [[13.0] * 3] * 3, groups=294),
        measured("ncnn (network alone)", TIMES, kind="rival", engine="ncnn"),
        measured("62 <large>", [[40.0] * 3] * 3, height=512, width=512),
        failures=(Failure(name="torch", kind="rival", error="torch is not installed", hint=None),),
    )
    accuracies = read_accuracies([evaluated(tmp_path, "a" * 64)])

    page = make_page(document, accuracies)
    html = render_page(page)

    titles = [section.title for section in page.sections]
    assert titles == [
        "Times",
        "Memory",
        "Sizes and threads",
        "Accuracy",
        "Stability",
        "The paper",
        "Environment",
    ]
    for words in (
        "62 &lt;large&gt;",
        "Distribution of the total",
        "Time and memory over sizes",
        "62 groups against 294",
        "Accuracy against speed",
        "0.4450",
        "torch is not installed",
        "another machine",
        "stable",
    ):
        assert words in html
    assert html == render_page(make_page(document, accuracies))


def test_one_model_needs_no_sweep_and_no_accuracy(measured: Make, result: Document) -> None:
    titles = [section.title for section in make_page(result(measured("a", TIMES))).sections]

    assert titles == ["Times", "Memory", "Stability", "The paper", "Environment"]


def test_an_accuracy_belongs_to_the_model_with_its_hash(tmp_path: Path, measured: Make, result: Document) -> None:
    other = read_accuracies([evaluated(tmp_path, "d" * 64)])

    assert "Accuracy" not in [section.title for section in make_page(result(measured("a", TIMES)), other).sections]


@pytest.mark.parametrize("content", ["", "{}", '{"evaluated": "a", "mAP_pt": 0.1, "mAP_box": 0.2}'])
def test_a_file_that_is_no_evaluation_of_a_model_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text(content)

    with pytest.raises(DataError, match="is no output of deepmark eval MODEL --json"):
        read_accuracies([tmp_path / "eval.json"])


@pytest.mark.slow
@pytest.mark.parametrize(("side", "published"), [(128, 2.424), (256, 9.696), (512, 38.783)])
def test_operations_are_table_6_s(side: int, published: float, measured: Make) -> None:
    # 13 classes, 62 groups, head_conv 256, as the paper's network; its count of decoding is smaller than ours
    one = measured("a", TIMES, parameters=19_500_000, height=side, width=side)
    network = msgspec.structs.replace(one, parameters=parameters_of(one))

    assert paper_gflops(network) == pytest.approx(published, rel=2e-3)


def test_a_network_that_is_none_of_ours_has_no_count(measured: Make) -> None:
    assert paper_gflops(measured("a", TIMES, parameters=7)) is None


def parameters_of(one: ContestantResult) -> int:
    import torch

    from deepmark.models.mdla34 import MDLA34

    with torch.device("meta"):
        return sum(weight.numel() for weight in MDLA34(one.channels, head_conv=HEAD_CONV).parameters())


HEAD_CONV = 256
