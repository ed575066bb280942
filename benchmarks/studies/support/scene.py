"""A made-up scene as a network would report it: seeded heads with known load, for timing the decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema

SECOND_OPINION = 0.6  # a real network reports a garment as a similar class too, with a part of the score
MISSING = 0.2  # of the landmarks have no peak
COARSE_ERROR_CELLS = 0.7
NOISE = 0.015  # mean of the exponential noise on both heatmaps: thousands of weak local maxima


@dataclass(frozen=True, slots=True)
class SceneLoad:
    """What a scene is made of.

    Attributes:
        cells: height and width of the maps, in cells.
        objects: number of true objects.
        seed: seed of everything random.
    """

    cells: tuple[int, int] = (64, 64)
    objects: int = 24
    seed: int = 7


def make_scene(schema: KeypointSchema, load: SceneLoad) -> Heads:
    """Draw objects of random classes that overlap: blobs as CenterNet's targets, regressions, and noise everywhere."""
    rng = np.random.default_rng(load.seed)
    height, width = load.cells
    classes, groups = len(schema.classes), schema.num_groups
    hm = rng.exponential(NOISE, (classes, height, width)).astype(np.float32)
    hm_hp = rng.exponential(NOISE, (groups, height, width)).astype(np.float32)
    wh = rng.uniform(2, 0.4 * width, (2, height, width)).astype(np.float32)
    hps = rng.normal(0, 0.1 * width, (2 * groups, height, width)).astype(np.float32)
    for _ in range(load.objects):
        size = rng.uniform(0.2, 0.5, 2) * (width, height)
        middle = rng.integers(0, (width, height))
        x, y = middle
        class_id, other = rng.integers(0, classes, 2)
        score = rng.uniform(0.3, 0.9)
        sigma = blob_sigma(size)
        draw_blob(hm[class_id], middle, sigma, score)
        draw_blob(hm[other], middle, sigma, SECOND_OPINION * score)
        around = (slice(None), slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
        wh[around] = size[:, None, None]
        for group in {*schema.groups[class_id], *schema.groups[other]}:
            offset = rng.uniform(-0.5, 0.5, 2) * size
            coarse = (offset + rng.normal(0, COARSE_ERROR_CELLS, 2)).astype(np.float32)
            hps[2 * group : 2 * group + 2][around] = coarse[:, None, None]
            if rng.random() > MISSING:
                draw_blob(hm_hp[group], np.floor(middle + offset), sigma, rng.uniform(0.2, 0.9))
    return Heads(
        hm=hm.clip(0, 1),
        wh=wh,
        hps=hps,
        reg=rng.uniform(0, 1, (2, height, width)).astype(np.float32),
        hm_hp=hm_hp.clip(0, 1),
        hp_offset=rng.uniform(0, 1, (2, height, width)).astype(np.float32),
    )


def blob_sigma(size: F64) -> float:
    """Give a blob the width that CenterNet trains (radius about 8 % of the shorter side), blurred by the network."""
    return float((2 * 0.08 * size.min() + 1) / 6 + 0.5)


def draw_blob(heatmap: F32, centre: npt.ArrayLike, sigma: float, peak: float) -> None:
    """Raise an (H, W) map to a Gaussian of this peak around an integer (x, y), in place."""
    x, y = np.asarray(centre)
    rows, columns = np.ogrid[: heatmap.shape[0], : heatmap.shape[1]]
    blob = peak * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma * sigma))
    np.maximum(heatmap, blob.astype(np.float32), out=heatmap)
