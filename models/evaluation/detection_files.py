"""Detections in files, as the official evaluations take them: for landmarks, for boxes, or for both.

Each file is a JSON list of objects with ``image_id``, ``category_id`` and ``score``, and with ``keypoints`` (x, y, v of
DeepFashion2's 294 landmarks or of a person's 17), ``bbox`` (x, y, width, height) or both. The official formats are two:
landmarks, and boxes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.models.datasets.coco_document import ImageId
from deepmark.models.datasets.deepfashion2.annotation import VISIBLE
from deepmark.models.datasets.json_faults import field_first, why_no_json, without_bom
from deepmark.models.evaluation.doubts import Doubts
from deepmark.models.evaluation.landmark_layout import BOXES_OR_POINTS, class_ranges
from deepmark.models.evaluation.metric import KIND_NAMES
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder, WideLandmarks
from deepmark.models.evaluation.truth import KINDS, Kind, Truth
from deepmark.runtime.arrays import F64

MOST_FILES = 2
_HINT = (
    "expected COCO's result format: [{image_id, category_id, score, and keypoints (x, y, v of all landmarks), bbox"
    " (x, y, width, height) or both}, ...]"
)
_SAME_SET = "detections and annotations must be of the same data set"


@dataclass(frozen=True, slots=True, eq=False)
class FileDetections:
    """What files say was found.

    Attributes:
        points: detections that have landmarks, one entry per class; None where no file has any.
        boxes: detections that have boxes, one entry per class; None where no file has any.
        doubts: sentences about what can be read, but is likely to mean something else.
    """

    points: tuple[ClassResults, ...] | None
    boxes: tuple[ClassResults, ...] | None
    doubts: tuple[str, ...]


def load_detections(
    paths: Sequence[Path],
    truth: Truth,
    *,
    skipped: Collection[int] = (),
    advance: Callable[[], None] = lambda: None,
) -> FileDetections:
    """Read detections: one file with landmarks, boxes or both, or two files with one each.

    Args:
        paths: paths of one or two files.
        truth: what is to be found in the pictures to evaluate.
        skipped: numbers of further pictures of the data set, whose detections are left out.
        advance: function called after every detection.

    Raises:
        DataError: a file cannot be read, a detection does not fit the data set, or two files say the same; the message
            names the file, the detection and the field.
    """
    files = [_read_file(path, truth, skipped, advance) for path in paths]
    found: dict[Kind, tuple[ClassResults, ...]] = {}
    for path, file in zip(paths, files, strict=True):
        kinds = file.kinds or tuple(kind for kind in KINDS if kind not in found) or KINDS
        for kind in kinds:
            if kind in found:
                raise DataError(
                    f"{path} has {KIND_NAMES[kind]}, as {paths[0]} has",
                    hint="two files of detections must be one with landmarks alone and one with boxes alone",
                )
            found[kind] = file.results
    doubts = tuple(doubt for file in files for doubt in file.doubts)
    return FileDetections(found.get("keypoints"), found.get("bbox"), doubts)


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """One file.

    Attributes:
        kinds: kinds of what each of its detections has; empty for a file without detections.
        results: detections, one entry per class; landmarks are zeros where there are none.
        doubts: sentences about what is likely to mean something else.
    """

    kinds: tuple[Kind, ...]
    results: tuple[ClassResults, ...]
    doubts: tuple[str, ...]


class _Row(msgspec.Struct):
    image_id: ImageId
    category_id: int
    score: float
    bbox: list[float] | None = None
    keypoints: list[float] | None = None

    def kinds(self) -> tuple[Kind, ...]:
        """Tell what it has; an empty list is nothing, as to the official code."""
        return tuple(kind for kind in KINDS if getattr(self, kind))


def _read_file(path: Path, truth: Truth, skipped: Collection[int], advance: Callable[[], None]) -> _File:
    builder, ranges, bare = ResultsBuilder(truth.schema), class_ranges(truth.schema), _bare(truth)
    doubts, category_ids = Doubts(str(path), truth), truth.standard.category_ids
    kinds: tuple[Kind, ...] = ()
    nowhere = np.zeros((truth.schema.num_landmarks, 2))
    for number, row in enumerate(_rows(path, truth, skipped)):
        kinds = kinds or row.kinds()
        if row.kinds() != kinds:
            raise _other_kinds(f"{path}: detection {number}", row.kinds(), kinds)
        advance()
        if row.image_id in skipped:
            continue
        index, wide, points = category_ids.index(row.category_id), None, nowhere
        if row.keypoints:
            points = np.array(row.keypoints).reshape(-1, 3)[:, :2]
            if (row.image_id, index) in bare:
                wide = WideLandmarks(np.zeros(1, np.int64), points[None])
        box = np.array(row.bbox) if row.bbox else _extent(points)
        boxed, pointed = box if row.bbox else None, points if row.keypoints else None
        doubts.look(number, row.image_id, index, row.score, boxed, pointed)
        ids, scores = np.array([row.image_id]), np.array([row.score])
        builder.add(index, ClassResults(ids, scores, box[None], points[None, ranges[index]], wide))
    return _File(kinds, builder.build(), doubts.sentences())


def _bare(truth: Truth) -> frozenset[tuple[int, int]]:
    """Name the pictures and classes with a garment without a visible landmark: all 294 of a detection may count."""
    return frozenset(
        (image_id, index)
        for index, one in enumerate(truth.classes)
        for image_id in one.image_ids[~np.any(one.keypoints[..., 2] == VISIBLE, axis=1)].tolist()
    )


def _extent(points: F64) -> F64:
    """Give the box around all landmarks, (4,): what the official code takes where a file has no boxes."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low])


def _rows(path: Path, truth: Truth, skipped: Collection[int]) -> Iterator[_Row]:
    try:
        content = without_bom(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        rows = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = why_no_json(content, error)
        if field := re.fullmatch(r"\[(\d+)\]\.(.+)", why):
            raise DataError(f"{path}: detection {field[1]}: {field[2]}") from error
        raise DataError(f"{path} is no list of detections: {why}", hint=_HINT) from error
    known = frozenset(truth.image_ids).union(skipped)
    for number, raw in enumerate(rows):
        yield _read_row(raw, f"{path}: detection {number}", known, truth)


def _read_row(raw: msgspec.Raw, where: str, known: Collection[int], truth: Truth) -> _Row:
    landmarks = truth.schema.num_landmarks
    try:
        row = msgspec.json.decode(raw, type=_Row)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {field_first(error)}", hint=_HINT) from error
    if row.image_id not in known:
        raise DataError(f"{where}: image_id {row.image_id} is no picture of the data set", hint=_SAME_SET)
    if row.category_id not in truth.standard.category_ids:
        raise DataError(f"{where}: category_id must be {_numbers(truth)}, found {row.category_id}", hint=_SAME_SET)
    if not row.kinds():
        raise DataError(f"{where}: keypoints and bbox are missing: one of them is needed", hint=_HINT)
    if row.keypoints and not landmarks:
        raise DataError(f"{where}: keypoints, but the data set has boxes alone", hint=BOXES_OR_POINTS)
    if row.keypoints and len(row.keypoints) != 3 * landmarks:
        raise DataError(
            f"{where}: keypoints must hold {3 * landmarks} numbers, x, y, v for {landmarks} landmarks, found"
            f" {len(row.keypoints)}",
            hint=_SAME_SET,
        )
    if row.bbox and (len(row.bbox) != 4 or min(row.bbox[2:]) < 0):
        raise DataError(f"{where}: bbox must be x, y, width, height with sides of at least 0, found {row.bbox}")
    return row


def _numbers(truth: Truth) -> str:
    """Name the numbers of the categories; COCO's 80 lie between 1 and 90."""
    ids = truth.standard.category_ids
    if len(ids) == 1:
        return f"{ids[0]} ({truth.schema.class_names[0]})"
    if ids[-1] - ids[0] == len(ids) - 1:
        return f"{ids[0]}-{ids[-1]}"
    return f"one of the {len(ids)} of the data set, which lie between {ids[0]} and {ids[-1]}"


def _other_kinds(where: str, found: Sequence[Kind], expected: Sequence[Kind]) -> DataError:
    missing = [kind for kind in expected if kind not in found]
    more = [kind for kind in found if kind not in expected]
    what = f"{missing[0]} is missing, which those before have" if missing else f"it has {more[0]}, and none before has"
    return DataError(f"{where}: {what}", hint="give landmarks and boxes in two files, with --detections twice")
