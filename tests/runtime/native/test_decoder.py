"""The C++ decoder finds what the NumPy decoder finds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crowded_maps import TOP_K, crowded_heads, crowded_sparse_heads
from native_decoder import changes, detections_of, encode_case, require_equal, run_case
from native_programs import compile_program

from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.heads.sparse import SparseHeads
from deepmark.runtime.heads.weights import Branch, HeadWeights, LinearLayer
from deepmark.runtime.keypoints.schema import KeypointSchema

pytestmark = pytest.mark.slow

SCHEMAS = {
    "62": KeypointSchema.deepfashion2(62),
    "17": KeypointSchema.coco_person(),
    "294": KeypointSchema.deepfashion2(294),
    "boxes": KeypointSchema.coco(),
}
GOLDEN = Path(__file__).parents[2] / "data" / "native"
KINDS = ("random", "quantised", "plateau", "sparse", "tiny", "underflow", "zero", "full")
DECODER = (
    "boxes",
    "candidates",
    "decoder",
    "heads",
    "landmarks",
    "nms",
    "padded",
    "params",
    "peaks",
    "sparse_heads",
)


@pytest.fixture(scope="session")
def decode_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("decode_run"), "decode_run", DECODER)


def heatmap(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> F32:
    values: dict[str, Callable[[], np.ndarray]] = {
        "random": lambda: rng.random(shape) ** 6,
        "quantised": lambda: rng.choice([0, 0, 0.05, 0.1, 0.125, 0.25, 0.5, 1], shape),
        "plateau": lambda: np.repeat(np.repeat(rng.random((*shape[:1], 9, 9)), 9, 1), 9, 2)[:, : shape[1], : shape[2]],
        "sparse": lambda: rng.choice([0, 0.3, 0.9], shape, p=[0.96, 0.02, 0.02]),
        "tiny": lambda: rng.random(shape) * 1e-30,
        "underflow": lambda: np.where(rng.random(shape) < 0.01, rng.random(shape), 1.4e-38),
        "zero": lambda: np.zeros(shape),
        "full": lambda: np.ones(shape),
    }
    return values[kind]().astype(np.float32)


def make_heads(seed: int, schema: KeypointSchema, cells: tuple[int, int], kind: str, *, optional: bool = True) -> Heads:
    rng = np.random.default_rng(seed)
    groups = schema.num_groups

    def regress(channels: int, low: float, high: float) -> F32:
        return rng.uniform(low, high, (channels, *cells)).astype(np.float32)

    return Heads(
        hm=heatmap(rng, (len(schema.classes), *cells), kind),
        wh=regress(2, -2, max(cells)),
        hps=regress(2 * groups, -max(cells), max(cells)) if groups else None,  # beyond every edge
        reg=regress(2, 0, 1) if optional else None,
        hm_hp=heatmap(rng, (groups, *cells), "sparse" if kind in {"random", "full"} else kind) if groups else None,
        hp_offset=regress(2, 0, 1) if optional and groups else None,
    )


def check(program: Path, heads: Heads | SparseHeads, schema: KeypointSchema, params: DecoderParams) -> int:
    done = run_case(program, encode_case(heads, schema, params))
    assert not done.returncode, done.stderr.decode()
    expected = decode(heads, schema, params)
    require_equal(detections_of(done.stdout), expected)
    return len(expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_kind_of_map(decode_run: Path, schema: str, kind: str) -> None:
    heads = make_heads(1, SCHEMAS[schema], (24, 17), kind)
    objects = check(decode_run, heads, SCHEMAS[schema], DecoderParams())
    assert objects == 0 if kind == "zero" else objects > 0


@pytest.mark.parametrize("techniques", list(itertools.product([False, True], repeat=4)))
def test_techniques_on_and_off(decode_run: Path, techniques: tuple[bool, ...]) -> None:
    rescored, blurred, combined, masked = techniques
    base, paper = DecoderParams.baseline(), DecoderParams()
    params = replace(
        base,
        alpha=paper.alpha if rescored else 1.0,
        sigma_center=paper.sigma_center if blurred else 0.0,
        sigma_keypoint=paper.sigma_keypoint if blurred else 0.0,
        gamma=paper.gamma if combined else 1.0,
        mask=masked,
    )
    for kind in ("random", "quantised"):
        assert check(decode_run, make_heads(2, SCHEMAS["62"], (20, 28), kind), SCHEMAS["62"], params)


@pytest.mark.parametrize(
    "params",
    [
        DecoderParams(border="replicate"),
        DecoderParams(border="replicate", mask=False),
        DecoderParams(threshold_on="raw"),
        DecoderParams(threshold_on="raw", mask=False),
        DecoderParams(unrefined="skip"),
        DecoderParams(score_threshold=0.3),
        DecoderParams(nms="soft"),
        DecoderParams(nms="soft", nms_score=0.2, score_threshold=0.1),
        DecoderParams(nms="hard"),
        DecoderParams(nms="hard", nms_iou=0.1),
        DecoderParams(top_k=1),
        DecoderParams(top_k=1000),
        DecoderParams(keypoint_threshold=0.6),
        DecoderParams(sigma_center=3.0, sigma_keypoint=3.0),
    ],
    ids=changes,
)
def test_every_parameter(decode_run: Path, params: DecoderParams) -> None:
    for seed, kind in enumerate(("random", "quantised", "plateau", "sparse")):
        check(decode_run, make_heads(seed, SCHEMAS["17"], (19, 23), kind), SCHEMAS["17"], params)


@pytest.mark.parametrize("cells", [(1, 1), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("mask", [True, False])
def test_edges_and_missing_heads(decode_run: Path, cells: tuple[int, int], optional: bool, mask: bool) -> None:
    params = replace(DecoderParams(), mask=mask)
    check(decode_run, make_heads(3, SCHEMAS["17"], cells, "quantised", optional=optional), SCHEMAS["17"], params)


def test_without_a_landmark_heatmap_scores_stay_centre_scores(decode_run: Path) -> None:
    heads = replace(make_heads(4, SCHEMAS["17"], (9, 9), "random"), hm_hp=None)
    assert check(decode_run, heads, SCHEMAS["17"], DecoderParams())


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("params", [DecoderParams(unrefined="skip", nms="soft"), DecoderParams.baseline()], ids=changes)
def test_boxes_without_landmarks(decode_run: Path, params: DecoderParams, optional: bool) -> None:
    heads = make_heads(8, SCHEMAS["boxes"], (9, 14), "quantised", optional=optional)
    assert check(decode_run, heads, SCHEMAS["boxes"], params)


@pytest.mark.parametrize("hidden", [0, 5, 32])
@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("name", ["62", "boxes"])
def test_sparse_heads(decode_run: Path, hidden: int, optional: bool, name: str) -> None:
    rng = np.random.default_rng(5)
    schema, features, cells = SCHEMAS[name], 7, (16, 12)
    of_landmarks = {"hps": 2 * schema.num_groups} if schema.num_groups else {}

    def normal(*shape: int) -> F32:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    def branch(heads: dict[str, int]) -> Branch:
        first = (
            LinearLayer.of(normal(len(heads) * hidden, features * 9), normal(len(heads) * hidden)) if hidden else None
        )
        return Branch(
            first, {name: LinearLayer.of(normal(n, hidden or features), normal(n)) for name, n in heads.items()}
        )

    dense = make_heads(5, schema, cells, "quantised")
    heads = SparseHeads(
        hm=dense.hm,
        hm_hp=dense.hm_hp,
        features=rng.normal(0, 1, (features, *cells)).astype(np.float32),
        weights=HeadWeights(
            features,
            branch({"wh": 2} | ({"reg": 2} if optional else {}) | of_landmarks),
            branch({"hp_offset": 2}) if optional and of_landmarks else None,
        ),
    )
    for mask in (True, False):
        assert check(decode_run, heads, schema, replace(DecoderParams(), mask=mask))


@pytest.mark.parametrize("head", ["hm", "hm_hp", "wh", "reg", "hps", "hp_offset"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e7])
def test_senseless_heads_are_refused(decode_run: Path, head: str, value: float) -> None:
    heads = make_heads(6, SCHEMAS["17"], (9, 9), "full")
    assert heads.hm_hp is not None
    heads.hm_hp[:] = 1
    getattr(heads, head)[:] = value
    done = run_case(decode_run, encode_case(heads, SCHEMAS["17"], DecoderParams()))
    assert done.returncode == 1
    assert f"head '{head}' must hold" in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize("params", [{}, {"sigma_keypoint": 0.9}, {"threshold_on": "raw"}, {"mask": True}], ids=str)
def test_of_a_crowded_landmark_map_only_the_k_highest_peaks_count(
    decode_run: Path, levels: int | None, params: dict[str, Any]
) -> None:
    chosen = replace(DecoderParams.baseline(), top_k=TOP_K, **params)
    assert check(decode_run, crowded_heads(levels=levels), SCHEMAS["17"], chosen) == TOP_K


def test_only_the_k_highest_peaks_count_in_sparse_heads_too(decode_run: Path) -> None:
    params = replace(DecoderParams.baseline(), top_k=TOP_K)
    assert check(decode_run, crowded_sparse_heads(), SCHEMAS["17"], params) == TOP_K


@pytest.mark.parametrize("kind", ["random", "quantised"])
def test_maps_of_full_size(decode_run: Path, kind: str) -> None:
    assert check(decode_run, make_heads(7, SCHEMAS["62"], (128, 128), kind), SCHEMAS["62"], DecoderParams()) == 100


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.case")))
def test_golden_cases(decode_run: Path, name: str) -> None:
    done = run_case(decode_run, (GOLDEN / f"{name}.case").read_bytes())
    assert not done.returncode, done.stderr.decode()
    expected = detections_of((GOLDEN / f"{name}.expected").read_bytes())
    assert len(expected)
    require_equal(detections_of(done.stdout), expected)
