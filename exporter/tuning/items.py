"""Which pictures are searched on and which the search does not see, and what is to be found in either."""

from __future__ import annotations

import hashlib

import numpy as np

from deepmark.errors import DataError
from deepmark.models.evaluation.picture_items import count_items, only_pictures
from deepmark.models.evaluation.truth import Truth


def split_pictures(truth: Truth, check_share: float, seed: int) -> tuple[Truth, Truth]:
    """Part the pictures at random: those to search on, and those to check on.

    Args:
        truth: items of all pictures.
        check_share: share of the second part, in (0, 1); each part gets one picture at least.
        seed: seed of the split.

    Raises:
        DataError: a part would have no picture, or no garment with labelled landmarks; of boxes only, no object.
    """
    pictures = len(truth.image_ids)
    if pictures < 2:
        raise DataError(
            f"a search needs at least two pictures, some to search on and some to check on; found {pictures}",
            hint="a few hundred are wanted; `deepmark synth` draws them",
        )
    checked = min(max(round(pictures * check_share), 1), pictures - 1)
    order = np.random.default_rng(seed).permutation(truth.image_ids).tolist()
    parts = only_pictures(truth, order[checked:]), only_pictures(truth, order[:checked])
    for part, purpose in zip(parts, ("search", "check"), strict=True):
        if not labelled_items(part):
            what = "object" if truth.schema.boxes_only else "garment with labelled landmarks"
            raise DataError(
                f"no {what} in the pictures to {purpose} on, {len(part.image_ids):,} of {pictures:,}",
                hint="more pictures are wanted, or another --seed or --check-share",
            )
    return parts


def labelled_items(truth: Truth) -> int:
    """Count the garments whose landmarks are to be found; of boxes only, the objects."""
    landmarks, boxes = count_items(truth)
    return int((boxes if truth.schema.boxes_only else landmarks).sum())


def truth_sha256(truth: Truth) -> str:
    """Name a data set by what is to be found in it: sha256 (hex) of pictures' numbers, boxes, landmarks."""
    digest = hashlib.sha256(np.array(truth.image_ids, np.int64).tobytes())
    for one in truth.classes:
        for values in (one.image_ids, one.boxes, one.areas, one.keypoints, one.ignored):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
