"""Pictures for tests of the search: made-up heads, and garments near what is decoded from them."""

from __future__ import annotations

import numpy as np

from deepmark.benchmarks.studies.support.scene import SceneLoad, make_scene
from deepmark.models.evaluation.compact_heads import CompactHeads
from deepmark.models.evaluation.picture_heads import CompactLook, PictureHeads
from deepmark.models.evaluation.truth import ClassTruth, Truth
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.transform import Letterbox

SCHEMA = KeypointSchema.deepfashion2()
CELLS = 16


def make_pictures(
    count: int, *, seed: int = 0, optional: bool = True, levels: int = 0, looks: int = 1
) -> list[PictureHeads]:
    """Scenes of a few garments; with ``levels``, so few heatmap values that there are plateaus and ties.

    Of several looks at a picture the first sees the picture whole, the others a scene of their own in a part of it.
    """
    pictures = []
    for number in range(1, count + 1):
        size = (60 + 10 * (number % 4), 90)
        found = [
            CompactLook(
                _heads(seed + number + 100 * look, optional=optional, levels=levels),
                Letterbox.fit((size[0], size[1] - 7 * look), (4 * CELLS, 4 * CELLS)),
            )
            for look in range(looks)
        ]
        pictures.append(PictureHeads(number, size, tuple(found)))
    return pictures


def _heads(seed: int, *, optional: bool, levels: int) -> CompactHeads:
    heads = make_scene(SCHEMA, SceneLoad(cells=(CELLS, CELLS), objects=4, seed=seed))

    def rounded(maps: np.ndarray) -> np.ndarray:
        return (np.round(maps * levels) / levels).astype(np.float32) if levels else maps

    assert heads.hm_hp is not None
    heads = Heads(
        hm=rounded(heads.hm),
        wh=heads.wh,
        hps=heads.hps,
        reg=heads.reg if optional else None,
        hm_hp=rounded(heads.hm_hp) if optional else None,
        hp_offset=heads.hp_offset if optional else None,
    )
    return CompactHeads.of(heads, SCHEMA)


def make_truth(pictures: list[PictureHeads], *, seed: int = 0, unlabelled: float = 0.1) -> Truth:
    """Garments near the best objects of each picture; some have no labelled landmark, some classes occur twice."""
    rng = np.random.default_rng(seed)
    rows: list[list[tuple[int, np.ndarray, np.ndarray]]] = [[] for _ in SCHEMA.classes]
    for picture in pictures:
        found = picture.detect(DecoderParams(nms="hard"))
        for at in rng.permutation(min(len(found), 5))[:3].tolist():
            points = found.keypoints[at] + rng.normal(0, rng.choice([0.3, 1, 4]), found.keypoints[at].shape)
            flags = rng.choice([0, 1, 2], (len(points), 1), p=[0.2, 0.2, 0.6]) * (rng.random() > unlabelled)
            corners = found.boxes[at] + rng.normal(0, 0.5, 4)
            box = np.concatenate([corners[:2], np.maximum(corners[2:] - corners[:2], 1)])
            for _ in range(rng.integers(1, 3)):
                keypoints = np.hstack([points + rng.normal(0, 0.3, points.shape), flags])
                rows[int(found.class_ids[at])].append((picture.image_id, box, keypoints))
    classes = tuple(
        ClassTruth(
            image_ids=np.array([image_id for image_id, _, _ in one], np.int64),
            boxes=np.array([box for _, box, _ in one]).reshape(-1, 4),
            areas=np.array([box[2] * box[3] for _, box, _ in one], np.float64),
            keypoints=np.array([points for _, _, points in one]).reshape(-1, len(schema.groups), 3),
            attributes=np.ones((len(one), 4), np.int8),
            ignored=np.zeros(len(one), np.bool_),
        )
        for one, schema in zip(rows, SCHEMA.classes, strict=True)
    )
    return Truth(SCHEMA, tuple(picture.image_id for picture in pictures), classes)
