"""The table of claims: its ratios are those of the samples, and 294 channels are the same network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from outcome import Outcome

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.studies.claims import commands, cut_pictures, frames, one_channel_each
from deepmark.benchmarks.studies.claims.claim import Claim, Met, judged
from deepmark.benchmarks.studies.claims.processor import GOALS, Kind, processor_kind
from deepmark.benchmarks.studies.claims.rewrites import rewritten_row
from deepmark.benchmarks.studies.support.process_costs import ProcessCost, cost_ratios
from deepmark.errors import DataError, UsageError
from deepmark.models import load_checkpoint
from deepmark.models.mdla34 import MDLA34
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema

Made = Callable[..., ContestantResult]


@pytest.mark.slow
def test_a_channel_of_a_landmark_says_what_its_group_says(tmp_path: Path) -> None:
    network = MDLA34(head_channels(13, 62)).eval()
    torch.save(network.state_dict(), tmp_path / "few.pth")

    many = load_checkpoint(one_channel_each(tmp_path / "few.pth", tmp_path / "many.pth")).network

    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        few_heads, many_heads = network(x), many(x)
    groups = [group for one in KeypointSchema.deepfashion2(62).groups for group in one]
    assert many_heads["hm_hp"].shape[1] == 294
    torch.testing.assert_close(many_heads["hm_hp"], few_heads["hm_hp"][:, groups])
    for axis in (0, 1):
        torch.testing.assert_close(many_heads["hps"][:, axis::2], few_heads["hps"][:, axis::2][:, groups])
    torch.testing.assert_close(many_heads["wh"], few_heads["wh"])


def test_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"hps.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"has no hps\.2\.weight"):
        one_channel_each(tmp_path / "other.pth", tmp_path / "many.pth")


def test_the_rows_are_ratios_of_the_samples(measured: Made, result: Callable[..., BenchResult]) -> None:
    turns = [[100.0] * 8] * 4
    found = result(
        measured("a", turns, layout="dense"),
        measured("b", [[77.0] * 8] * 4, layout="sparse"),
        measured("c", [[197.0] * 8] * 4, layout="dense", engine="onnxruntime"),
        measured("d", [[97.0] * 8] * 4, layout="sparse", engine="onnxruntime"),
        measured("MNN (network alone)", turns, kind="rival"),
        measured("ncnn (network alone)", [[160.0] * 8] * 4, kind="rival", engine="ncnn"),
    )

    one, two, three = map(judged, frames.engine_rows(found))

    assert [row.ratio for row in (one, two, three)] == pytest.approx([103 / 80, 200 / 100, 80 / 100])
    assert [row.met for row in (one, two, three)] == ["yes"] * 3
    assert three.processor == pytest.approx(1.0)  # the made-up turns all computed for as long
    assert three.what == "frame, mnn sparse, all techniques / MNN (network alone)"


def test_the_decoders_share_is_of_the_network(
    measured: Made, result: Callable[..., BenchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_crowd_ms", lambda cells: float(cells == (64, 64)) * 6)
    monkeypatch.setattr(frames, "_letterbox_ms", lambda size: float(size == (256, 256)) * 2)
    rows = [judged(row) for row in frames.decoder_rows(result(measured("a", [[100.0] * 8] * 4)))]
    assert [(row.ratio, row.met) for row in rows] == [
        (pytest.approx(0.02), "yes"),
        (0.06, "no"),
        (0.02, "no"),
    ]


def test_62_groups_are_compared_with_294(measured: Made, result: Callable[..., BenchResult]) -> None:
    contestants = [
        measured(f"{layout}{groups}", [[spent] * 8] * 4, layout=layout, groups=groups, file_bytes=groups * 1000)
        for layout in ("dense", "sparse")
        for groups, spent in ((62, 77.0), (294, 97.0))
    ]
    rows = frames.grouping_rows(result(*contestants))
    assert [round(row.ratio, 4) for row in rows] == [0.8, 1.0, round(62 / 294, 4)] * 2


@pytest.mark.parametrize(
    ("claim", "met"),
    [
        (Claim("x", 0.5), None),
        (Claim("x", 0.5, goal="<= 0.5"), "yes"),
        (Claim("x", np.nan, goal="<= 0.5"), "no"),
        (Claim("x", 0.6, 0.55, 0.65, "<= 0.62"), "open"),  # another run may find another answer
        (Claim("x", 0.6, 0.55, 0.61, "<= 0.62"), "yes"),
        (Claim("x", 1.3, 1.1, 1.19, ">= 1.20"), "no"),
    ],
)
def test_a_claim_is_met_by_its_whole_interval(claim: Claim, met: Met | None) -> None:
    assert judged(claim).met == met


def test_the_machine_s_drift_is_told_and_leaves_a_ratio_of_neighbours_alone(
    measured: Made, result: Callable[..., BenchResult]
) -> None:
    speeds = [100.0, 130.0, 110.0, 160.0]
    found = result(
        measured("a", [[one - 3] * 8 for one in speeds]),
        measured("b", [[one / 2 - 3] * 8 for one in speeds], layout="sparse"),
        measured("ncnn (network alone)", [[one] * 8 for one in speeds], kind="rival", engine="ncnn"),
    )
    row = frames.fastest_row(found, "frame", 0.6)
    assert (row.ratio, row.low, row.high) == pytest.approx((0.5, 0.5, 0.5))
    assert row.goal == "<= 0.60"
    assert frames.drift_of(found) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("flags", "kind"),
    [("fpu avx avx2", "AVX2"), ("fpu avx2 avx512f avx512bw", "AVX-512"), ("fpu sse4_2", "other"), ("", "other")],
)
def test_bounds_are_those_of_the_processor_s_vectors(flags: str, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert processor_kind(f"processor\t: 0\nflags\t\t: {flags}\n" if flags else "") == kind
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert processor_kind("Features\t: asimd\n") == "other"
    assert GOALS["AVX2"].tall == 0.62


@pytest.mark.parametrize(("shape", "size"), [((4, 3), (40, 30)), ((9, 16), (27, 48))])
def test_pictures_are_cut_to_a_shape(tmp_path: Path, shape: tuple[int, int], size: tuple[int, int]) -> None:
    (tmp_path / "given").mkdir()
    picture = np.zeros((40, 48, 3), np.uint8)
    picture[15:25, 19:29] = 200
    cv2.imwrite(str(tmp_path / "given" / "one.png"), picture)
    (cut,) = cut_pictures(tmp_path / "given", tmp_path / "cut", shape).iterdir()
    found = cv2.imread(str(cut))
    assert found is not None
    assert found.shape[:2] == size
    assert int((found == 200).sum()) == 300  # the middle is whole


def test_commands_are_divided_pair_by_pair() -> None:
    table = [[ProcessCost(0.5 * one, 2.0, 90.0), ProcessCost(one, 4.0, 100.0)] for one in (10.0, 14.0, 11.0)]
    time, memory = map(judged, commands._rows("export", "abc1234", cost_ratios(table)))
    assert time.what == "deepmark export: now / abc1234"
    assert (time.ratio, time.low, time.high, time.processor, time.met) == (0.5, 0.5, 0.5, 0.5, "yes")
    assert memory.ratio == pytest.approx(0.9)
    assert cost_ratios(table).drift == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "frames,tea"), "no part tea"),
        (("--only", "commands"), "held against a commit"),
        (("--only", "frames", "--rivals", "mnn,tea"), "no rival tea"),
        (("--against", "tea"), "git rev-parse tea|no git repository"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_measured(
    study: Callable[..., Outcome], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        study("claims", tmp_path / "a.pth", tmp_path, *words)


@pytest.mark.slow
def test_the_rewritten_network_takes_turns_with_the_paper_s(tiny_bundle: Path, tmp_path: Path) -> None:
    row = rewritten_row(tiny_bundle, tmp_path, size=64, rounds=3)
    assert row.ratio > 0
    assert row.processor is not None
    assert row.goal == "<= 0.93"
