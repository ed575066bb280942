"""C++ calls a near tie what Python calls one: `dm_verify` on a phone excuses what `deepmark verify` excuses."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_decoder import changes, encode_case
from native_programs import compile_program

from deepmark.exporter.near_ties import Cell, Slack, centre_is_near_tie, landmark_is_near_tie
from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.decoding.padded import blur
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema

pytestmark = pytest.mark.slow

SCHEMA = KeypointSchema.coco_person()
CELLS = (9, 8)
HEADS = ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")


@pytest.fixture(scope="session")
def near_ties_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = ("near_ties", "heads", "padded", "params", "sparse_heads")
    return compile_program(tmp_path_factory.mktemp("near_ties_run"), "near_ties_run", sources)


def make_heads(rng: np.random.Generator, *, optional: bool) -> Heads:
    """Coarse steps, so that ties, thresholds and edges are met exactly, and a little noise, so that most are not."""
    groups = SCHEMA.num_groups

    def stepped(step: float, low: int, high: int, channels: int) -> F32:
        values: F64 = step * rng.integers(low, high, (channels, *CELLS)) + rng.normal(0, 0.01, (channels, *CELLS))
        return values.astype(np.float32)

    def probability(channels: int) -> F32:
        return np.clip(stepped(0.05, 0, 8, channels), 0, 1)

    return Heads(
        hm=probability(1),
        wh=stepped(0.5, -2, 30, 2),
        hps=stepped(0.25, -16, 16, 2 * groups),
        reg=stepped(0.25, 0, 4, 2) if optional else None,
        hm_hp=probability(groups),
        hp_offset=stepped(0.25, 0, 4, 2) if optional else None,
    )


def near_ties(heads: Heads, scores: np.ndarray, params: DecoderParams, slack: Slack) -> list[bool]:
    rows = [(y, x) for y in range(CELLS[0]) for x in range(CELLS[1])]
    centres = [centre_is_near_tie(heads, params, Cell(0, x, y), float(scores[0, y, x]), slack) for y, x in rows]
    landmarks = [
        landmark_is_near_tie(heads, params, Cell(0, x, y), group, slack)
        for group in range(SCHEMA.num_groups)
        for y, x in rows
    ]
    return centres + landmarks


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize(
    "params",
    [
        DecoderParams(),
        DecoderParams(border="replicate"),
        DecoderParams(threshold_on="raw"),
        DecoderParams(sigma_center=0.0, sigma_keypoint=0.0),
    ],
    ids=changes,
)
def test_the_same_choices_are_near_ties(near_ties_run: Path, params: DecoderParams, optional: bool) -> None:
    rng = np.random.default_rng(3)
    both: set[bool] = set()
    for size, _ in itertools.product((0.0, 0.003, 0.02), range(2)):
        heads = make_heads(rng, optional=optional)
        scores = blur(heads.hm, params.sigma_center, params.border) + rng.normal(0, 0.005, heads.hm.shape)
        scores = scores.astype(np.float32)
        allowed = {name: size * factor for name, factor in zip(HEADS, (1, 3, 1, 0.5, 0.2, 0.5), strict=True)}
        case = encode_case(heads, SCHEMA, params) + scores.tobytes()
        command = [str(near_ties_run), *(str(allowed[name]) for name in HEADS)]
        done = subprocess.run(command, input=case, capture_output=True, check=False, timeout=60)
        assert not done.returncode, done.stderr.decode()
        found = [byte == ord("1") for byte in done.stdout]
        assert found == near_ties(heads, scores, params, Slack(allowed))
        both |= set(found)
    assert both == {True, False}


def test_without_the_mask_or_the_heatmap_no_landmark_is_one(near_ties_run: Path) -> None:
    heads = make_heads(np.random.default_rng(4), optional=True)
    for case_heads, params in (
        (heads, replace(DecoderParams(), mask=False)),
        (replace(heads, hm_hp=None, hp_offset=None), DecoderParams()),
    ):
        case = encode_case(case_heads, SCHEMA, params) + heads.hm.tobytes()
        done = subprocess.run([str(near_ties_run), *["9"] * 6], input=case, capture_output=True, check=True, timeout=60)
        assert set(done.stdout[heads.hm.size :]) == {ord("0")}
