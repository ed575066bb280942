"""What was found, class by class in arrays, and as a file in COCO's result format."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from deepmark.benchmarks.accuracy.layout import FloatArray, class_ranges, to_294
from deepmark.errors import DataError
from deepmark.models.schema import KeypointSchema
from deepmark.runtime.detections import Detections
from deepmark.runtime.media.whole_file import in_one_step

Keypoints = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_PARTS = 500  # of a class, before they are joined


@dataclass(frozen=True, slots=True, eq=False)
class ClassResults:
    """N detections of one class.

    Attributes:
        image_ids: (N,) int64.
        scores: (N,).
        boxes: (N, 4) x, y, width, height in pixels.
        keypoints: (N, P, 2) x, y, in the class's own order; float32 from a `Detector`, to save memory.
    """

    image_ids: npt.NDArray[np.int64]
    scores: FloatArray
    boxes: FloatArray
    keypoints: Keypoints

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, rows: slice) -> ClassResults:
        """Return some of the detections."""
        return ClassResults(self.image_ids[rows], self.scores[rows], self.boxes[rows], self.keypoints[rows])


class ResultsBuilder:
    """Gathers detections picture by picture; equal scores keep the order in which they came."""

    def __init__(self, schema: KeypointSchema) -> None:
        self._parts = [[_none(len(one.groups))] for one in schema.classes]

    def add(self, class_index: int, found: ClassResults) -> None:
        """Take detections of one class."""
        parts = self._parts[class_index]
        parts.append(found)
        if len(parts) > _PARTS:  # small arrays take more memory than what is in them
            parts[:] = [_join(parts)]

    def add_detections(self, image_id: int, found: Detections) -> None:
        """Take what a `Detector` found in a picture."""
        boxes = found.boxes.astype(np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        for class_index in np.unique(found.class_ids).tolist():
            rows = np.flatnonzero(found.class_ids == class_index)
            keypoints = np.stack([found.keypoints[row] for row in rows])
            ids = np.full(len(rows), image_id, np.int64)
            self.add(class_index, ClassResults(ids, found.scores[rows].astype(np.float64), boxes[rows], keypoints))

    def build(self) -> tuple[ClassResults, ...]:
        """Return one entry per class."""
        for parts in self._parts:
            parts[:] = [_join(parts)]  # in place: otherwise everything would be in memory twice
        return tuple(parts[0] for parts in self._parts)


def _join(parts: Sequence[ClassResults]) -> ClassResults:
    return ClassResults(
        image_ids=np.concatenate([part.image_ids for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        boxes=np.concatenate([part.boxes for part in parts]),
        keypoints=np.concatenate([part.keypoints for part in parts]),
    )


def _none(landmarks: int) -> ClassResults:
    """No detection, of a class with so many landmarks; the type of its arrays gives way to any other."""
    keypoints = np.zeros((0, landmarks, 2), np.float32)
    return ClassResults(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 4)), keypoints)


def coco_results(results: ClassResults, keypoints: FloatArray, category_id: int) -> Iterator[dict[str, Any]]:
    """Give a class's detections in COCO's result format.

    Args:
        results: the detections.
        keypoints: (N, K, 3) their landmarks, in the layout wanted; COCO does not look at the third number.
        category_id: 1-based.
    """
    rows = zip(
        results.image_ids.tolist(),
        results.scores.tolist(),
        results.boxes.tolist(),
        keypoints.reshape(len(keypoints), keypoints.shape[1] * 3).tolist(),
        strict=True,
    )
    for image_id, score, box, points in rows:
        yield {"image_id": image_id, "category_id": category_id, "bbox": box, "keypoints": points, "score": score}


def with_ones(keypoints: Keypoints) -> FloatArray:
    """Add the third number of COCO's keypoints: (N, P, 2) -> (N, P, 3)."""
    return np.concatenate([keypoints, np.ones((*keypoints.shape[:-1], 1))], axis=-1, dtype=np.float64)


def save_results(path: Path, results: Sequence[ClassResults], schema: KeypointSchema) -> None:
    """Write detections in COCO's result format, in the 294 layout; the file appears whole or not at all.

    Raises:
        DeepMarkError: it cannot be written.
    """
    with in_one_step(path) as hidden, hidden.open("wb") as stream:
        before = b"[\n"
        for index, one in enumerate(results):
            for at in range(len(one)):  # one at a time: in the layout each takes 20 KB
                single = one.part(slice(at, at + 1))
                wide = to_294(with_ones(single.keypoints), index, schema)
                for document in coco_results(single, wide, index + 1):
                    stream.write(before + msgspec.json.encode(document))
                    before = b",\n"
        stream.write(b"[]\n" if before == b"[\n" else b"\n]\n")


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
        path: of the file.
        image_ids: of the pictures to evaluate.
        schema: DeepFashion2's.
        skipped: further pictures of the data set, whose detections are left out.

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
