"""Detections in COCO's result format: as rows, and as files."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.files import whole_file
from deepmark.models.evaluation.landmark_layout import class_ranges, to_294
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema

_AT_ONCE = 256  # detections in memory; in the 294 layout each takes 20 KB

Widen = Callable[[F64], F64]  # landmarks of a class, (..., P, D), in the layout wanted, (..., K, D)


def coco_rows(results: ClassResults, category_id: int, widen: Widen) -> Iterator[dict[str, Any]]:
    """Give a class's detections in COCO's result format.

    Args:
        results: detections of the class.
        category_id: 1-based number of the class.
        widen: function that puts landmarks into the layout wanted. Their third number is 1; COCO does not look at it.
    """
    for start in range(0, len(results), _AT_ONCE):
        part = results.part(slice(start, start + _AT_ONCE))
        points = np.concatenate([part.keypoints, np.ones((*part.keypoints.shape[:-1], 1))], axis=-1)
        rows = zip(
            part.image_ids.tolist(),
            part.scores.tolist(),
            part.boxes.tolist(),
            widen(points).reshape(len(part), -1).tolist(),
            strict=True,
        )
        for image_id, score, box, numbers in rows:
            yield {"image_id": image_id, "category_id": category_id, "bbox": box, "keypoints": numbers, "score": score}


def write_rows(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as one JSON list."""
    with path.open("wb") as stream:
        before = b"[\n"
        for row in rows:
            stream.write(before + msgspec.json.encode(row))
            before = b",\n"
        stream.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def save_results(path: Path, results: Sequence[ClassResults], schema: KeypointSchema) -> None:
    """Write detections in COCO's result format, in the 294 layout; the file appears whole or not at all.

    Raises:
        DeepMarkError: it cannot be written.
    """
    with whole_file(path) as hidden:
        write_rows(
            hidden,
            (
                row
                for index, one in enumerate(results)
                for row in coco_rows(one, index + 1, partial(to_294, class_index=index, schema=schema))
            ),
        )


class _Row(msgspec.Struct):
    image_id: int
    category_id: Annotated[int, msgspec.Meta(ge=1)]
    bbox: tuple[float, float, float, float]
    keypoints: list[float]
    score: float


def load_results(
    path: Path, image_ids: Collection[int], schema: KeypointSchema, *, skipped: Collection[int] = ()
) -> tuple[ClassResults, ...]:
    """Read detections in COCO's result format and the 294 layout; each class's own landmarks are taken.

    Args:
        path: path of the file.
        image_ids: numbers of the pictures to evaluate.
        schema: classes and landmarks of DeepFashion2.
        skipped: numbers of further pictures of the data set, whose detections are left out.

    Raises:
        DataError: the file cannot be read, or a detection does not fit the data set; the message names it.
    """
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw])
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"{path} is no list of detections: {error}",
            hint="expected COCO's result format: [{image_id, category_id, bbox, keypoints, score}, ...]",
        ) from error
    builder, known, ranges = ResultsBuilder(schema), frozenset(image_ids).union(skipped), class_ranges(schema)
    for number, raw in enumerate(rows):
        row = _read_row(raw, f"{path}: detection {number}", known, schema)
        if row.image_id in skipped:
            continue
        index = row.category_id - 1
        points = np.array(row.keypoints).reshape(1, -1, 3)[:, ranges[index], :2]
        box = np.array(row.bbox).reshape(1, 4)
        builder.add(index, ClassResults(np.array([row.image_id]), np.array([row.score]), box, points))
    return builder.build()


def _read_row(raw: msgspec.Raw, where: str, known: Collection[int], schema: KeypointSchema) -> _Row:
    try:
        row = msgspec.json.decode(raw, type=_Row)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {error}") from error
    hint = "detections and annotations must be of the same data set"
    if row.image_id not in known:
        raise DataError(f"{where}: image_id {row.image_id} is no picture of the data set", hint=hint)
    if row.category_id > len(schema.classes):
        raise DataError(f"{where}: category_id must be 1-{len(schema.classes)}, found {row.category_id}", hint=hint)
    if len(row.keypoints) != 3 * schema.num_landmarks:
        raise DataError(
            f"{where}: keypoints must hold {3 * schema.num_landmarks} numbers, x, y, v for {schema.num_landmarks}"
            f" landmarks, found {len(row.keypoints)}",
            hint=hint,
        )
    if min(row.bbox[2:]) < 0 or not all(map(math.isfinite, row.bbox)):
        raise DataError(f"{where}: bbox must be x, y, width, height with sides of at least 0, found {list(row.bbox)}")
    return row
