"""Detections written in COCO's result format: as rows, and as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from deepmark.files import whole_file
from deepmark.models.datasets.standard import DEEPFASHION2, LabelStandard
from deepmark.models.evaluation.landmark_layout import to_294
from deepmark.models.evaluation.results import ClassResults
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema

_AT_ONCE = 256  # detections in memory; in the 294 layout each takes 20 KB

Widen = Callable[[F64], F64]  # landmarks of a class, (..., P, D), in the layout wanted, (..., K, D)


def coco_rows(results: ClassResults, category_id: int, widen: Widen | None) -> Iterator[dict[str, Any]]:
    """Give a class's detections in COCO's result format.

    Args:
        results: detections of the class.
        category_id: number of the class in files.
        widen: function that puts landmarks into the layout of all classes; None for the class's own. Their third
            number is 1; COCO does not look at it.
    """
    for start in range(0, len(results), _AT_ONCE):
        part = results.part(start, start + _AT_ONCE)
        points = np.concatenate([part.keypoints, np.ones((*part.keypoints.shape[:-1], 1))], axis=-1)
        if widen is not None:
            points = widen(points)
            if part.wide is not None:
                points[part.wide.rows, :, :2] = part.wide.points
        rows = zip(
            part.image_ids.tolist(),
            part.scores.tolist(),
            part.boxes.tolist(),
            points.reshape(len(part), -1).tolist(),
            strict=True,
        )
        for image_id, score, box, numbers in rows:
            row = {"image_id": image_id, "category_id": category_id, "bbox": box}
            yield row | ({"keypoints": numbers} if numbers else {}) | {"score": score}


def write_rows(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as one JSON list."""
    with path.open("wb") as stream:
        before = b"[\n"
        for row in rows:
            stream.write(before + msgspec.json.encode(row))
            before = b",\n"
        stream.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def save_results(
    path: Path, results: Sequence[ClassResults], schema: KeypointSchema, standard: LabelStandard = DEEPFASHION2
) -> None:
    """Write detections in COCO's result format; the file appears whole or not at all.

    Args:
        path: path of the file.
        results: detections, one entry per class.
        schema: classes of the data set; landmarks are written in the layout of all of them.
        standard: rules of the data set, with the numbers of the classes in files.

    Raises:
        DeepMarkError: it cannot be written.
    """
    with whole_file(path) as hidden:
        write_rows(
            hidden,
            (
                row
                for index, one in enumerate(results)
                for row in coco_rows(
                    one, standard.category_ids[index], partial(to_294, class_index=index, schema=schema)
                )
            ),
        )
