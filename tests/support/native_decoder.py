"""What decode_run.cpp reads and prints: heads, schema and parameters to C++, detections back."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.heads.sparse import SparseHeads
from deepmark.runtime.heads.weights import Branch
from deepmark.runtime.keypoints.schema import KeypointSchema

SUPPRESSIONS = (None, "soft", "hard")

Arrays = list[F32]


def encode_case(heads: Heads | SparseHeads, schema: KeypointSchema, params: DecoderParams) -> bytes:
    classes, height, width = heads.hm.shape
    if isinstance(heads, Heads):
        arrays = [heads.hm, heads.hm_hp, heads.wh, heads.hps, heads.reg, heads.hp_offset]
        has_reg, has_hp_offset, features, hidden = heads.reg is not None, heads.hp_offset is not None, 0, 0
    else:
        weights = heads.weights
        first = weights.centres.first
        has_reg, has_hp_offset, features = (
            "reg" in weights.centres.last,
            weights.landmarks is not None,
            weights.channels,
        )
        hidden = first.rows // len(weights.centres.last) if first else 0
        parts = _layers(weights.centres, hidden) | (_layers(weights.landmarks, hidden) if weights.landmarks else {})
        arrays = [heads.hm, heads.hm_hp, heads.features]
        arrays += [one for name in ("wh", "hps", "reg", "hp_offset") for one in parts.get(name, [])]
    flags = [has_reg, heads.hm_hp is not None, has_hp_offset]
    lines: list[Sequence[object]] = [
        [classes, heads.groups, height, width, *map(int, flags), features, hidden],
        [params.alpha, params.sigma_center, params.sigma_keypoint, params.gamma, int(params.mask), params.top_k],
        [params.keypoint_threshold, SUPPRESSIONS.index(params.nms), params.score_threshold],
        [int(params.border == "replicate"), int(params.threshold_on == "raw"), int(params.unrefined == "skip")],
        [params.nms_iou, params.nms_sigma, params.nms_score],
        *((len(groups), *groups) for groups in schema.groups),
    ]
    header = "\n".join(" ".join(map(str, line)) for line in lines) + "\n"
    return header.encode() + b"".join(np.ascontiguousarray(one).tobytes() for one in arrays if one is not None)


def _layers(branch: Branch, hidden: int) -> dict[str, Arrays]:
    layers: dict[str, Arrays] = {}
    for index, (name, last) in enumerate(branch.last.items()):
        rows = slice(index * hidden, (index + 1) * hidden)
        first: Arrays = [branch.first.weight[rows], branch.first.bias[rows]] if branch.first else []
        layers[name] = [*first, last.weight[: last.rows], last.bias[: last.rows]]
    return layers


def changes(params: DecoderParams) -> str:
    """How parameters differ from the defaults: for the name of a test."""
    default = DecoderParams()
    names = [one.name for one in fields(params) if getattr(params, one.name) != getattr(default, one.name)]
    return ",".join(f"{name}={getattr(params, name)}" for name in names) or "defaults"


def run_case(program: Path, case: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(program)], input=case, capture_output=True, check=False, timeout=120)


def detections_of(printed: bytes) -> Detections:
    rows = [np.array(line.split(), np.float64) for line in printed.decode().splitlines()]
    points = [row[8:].reshape(-1, 4) for row in rows]
    return Detections(
        class_ids=np.array([row[0] for row in rows], np.int64),
        scores=np.array([row[1] for row in rows], np.float32),
        box_scores=np.array([row[2] for row in rows], np.float32),
        keypoints_score=np.array([row[3] for row in rows], np.float32),
        boxes=np.array([row[4:8] for row in rows], np.float32).reshape(-1, 4),
        keypoints=tuple(one[:, :2].astype(np.float32) for one in points),
        keypoint_scores=tuple(one[:, 2].astype(np.float32) for one in points),
        refined=tuple(one[:, 3] > 0 for one in points),
    )


def require_equal(found: Detections, expected: Detections, *, cells: float = 1e-4, scores: float = 1e-5) -> None:
    """Require the same objects in the same order, and every number within its tolerance."""
    assert found.class_ids.tolist() == expected.class_ids.tolist()
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=0, atol=cells)
    for name in ("scores", "box_scores", "keypoints_score"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=scores, err_msg=name)
    for name, tolerance in (("keypoints", cells), ("keypoint_scores", scores), ("refined", 0)):
        for one, other in zip(getattr(found, name), getattr(expected, name), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=name)
