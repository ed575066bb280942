"""The table of claims: its ratios are those of the samples, and 294 channels are the same network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.studies import claims
from deepmark.benchmarks.studies.claims import Claim, judged, one_channel_each
from deepmark.errors import DataError
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

    one, two, three = map(judged, claims._engine_rows(found))

    assert [row.ratio for row in (one, two, three)] == pytest.approx([103 / 80, 200 / 100, 80 / 100])
    assert all(row.met is True for row in (one, two, three))
    assert three.what == "frame, mnn sparse, all techniques / MNN (network alone)"


def test_the_decoders_share_is_of_the_network(
    measured: Made, result: Callable[..., BenchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_crowd_ms", lambda cells: float(cells == (64, 64)) * 6)
    monkeypatch.setattr(claims, "_letterbox_ms", lambda size: float(size == (256, 256)) * 2)
    rows = [judged(row) for row in claims._decoder_rows(result(measured("a", [[100.0] * 8] * 4)))]
    assert [(row.ratio, row.met) for row in rows] == [
        (pytest.approx(0.02), True),
        (0.06, False),
        (0.02, False),
    ]


def test_62_groups_are_compared_with_294(measured: Made, result: Callable[..., BenchResult]) -> None:
    contestants = [
        measured(f"{layout}{groups}", [[spent] * 8] * 4, layout=layout, groups=groups, file_bytes=groups * 1000)
        for layout in ("dense", "sparse")
        for groups, spent in ((62, 77.0), (294, 97.0))
    ]
    rows = claims._grouping_rows(result(*contestants))
    assert [round(row.ratio, 4) for row in rows] == [0.8, 1.0, round(62 / 294, 4)] * 2


def test_a_figure_without_a_goal_is_not_judged() -> None:
    assert judged(Claim("x", 0.5, None, None, "", None)).met is None
    assert judged(Claim("x", np.nan, None, None, "<= 0.5", None)).met is False
