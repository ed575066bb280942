"""What was found, class by class, in files of no name: 5,000 pictures of 100 detections take no memory to speak of."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.runtime.arrays import F64, I64
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema


@dataclass(frozen=True, slots=True, eq=False)
class WideLandmarks:
    """Landmarks of all classes, which a file gives with some of a class's detections.

    The metric looks at them where a garment has no labelled landmark: it compares all 294.

    Attributes:
        rows: (M,) rows of these detections among those of their class, ascending.
        points: (M, 294, 2) x, y in pixels, in the layout of all classes.
    """

    rows: I64
    points: F64

    def part(self, start: int, stop: int) -> WideLandmarks:
        """Return those of the rows from ``start`` to before ``stop``, numbered from 0."""
        first, last = np.searchsorted(self.rows, (start, stop)).tolist()
        return WideLandmarks(self.rows[first:last] - start, self.points[first:last])


@dataclass(frozen=True, slots=True, eq=False)
class ClassResults:
    """N detections of one class.

    Attributes:
        image_ids: (N,) numbers of the pictures, int64.
        scores: (N,) scores.
        boxes: (N, 4) x, y, width, height, in pixels.
        keypoints: (N, P, 2) x, y of the landmarks, in the class's own order.
        wide: landmarks of all classes, where the metric needs them and they are not zeros; None where there are none.
    """

    image_ids: I64
    scores: F64
    boxes: F64
    keypoints: F64
    wide: WideLandmarks | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, start: int, stop: int) -> ClassResults:
        """Return the detections from ``start`` to before ``stop``."""
        rows = slice(start, stop)
        wide = None if self.wide is None else self.wide.part(start, stop)
        return ClassResults(self.image_ids[rows], self.scores[rows], self.boxes[rows], self.keypoints[rows], wide)


class ResultsBuilder:
    """Gathers detections picture by picture; equal scores keep the order in which they came.

    Each class has a file in the system's temporary folder, which vanishes with the last of its arrays.
    """

    def __init__(self, schema: KeypointSchema) -> None:
        self._classes = [_ClassFiles(len(one.groups), schema.num_landmarks) for one in schema.classes]

    def add(self, class_index: int, found: ClassResults) -> None:
        """Take detections of one class.

        Raises:
            DataError: the temporary folder is full.
        """
        self._classes[class_index].append(found)

    def add_detections(self, image_id: int, found: Detections) -> None:
        """Take what a `Detector` found in a picture.

        Raises:
            DataError: the temporary folder is full.
        """
        boxes = found.boxes.astype(np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        for class_index in np.unique(found.class_ids).tolist():
            rows = np.flatnonzero(found.class_ids == class_index)
            keypoints = np.stack([found.keypoints[row] for row in rows]).astype(np.float64)
            ids = np.full(len(rows), image_id, np.int64)
            self.add(class_index, ClassResults(ids, found.scores[rows].astype(np.float64), boxes[rows], keypoints))

    def build(self) -> tuple[ClassResults, ...]:
        """Return one entry per class; nothing can be added afterwards.

        Raises:
            DataError: the temporary folder is full.
        """
        return tuple(one.close() for one in self._classes)


class _ClassFiles:
    """One class's detections, and the landmarks of other classes that some of them have."""

    def __init__(self, landmarks: int, all_landmarks: int) -> None:
        self._detections = _RecordFile(
            np.dtype(
                [
                    ("image_id", np.int64),
                    ("score", np.float64),
                    ("box", np.float64, (4,)),
                    ("keypoints", np.float64, (landmarks, 2)),
                ]
            )
        )
        self._wide = _RecordFile(np.dtype([("row", np.int64), ("points", np.float64, (all_landmarks, 2))]))
        self._count = 0

    def append(self, found: ClassResults) -> None:
        self._detections.append(
            image_id=found.image_ids, score=found.scores, box=found.boxes, keypoints=found.keypoints
        )
        if found.wide is not None:
            self._wide.append(row=found.wide.rows + self._count, points=found.wide.points)
        self._count += len(found)

    def close(self) -> ClassResults:
        found, wide = self._detections.close(), self._wide.close()
        some = WideLandmarks(wide["row"], wide["points"]) if len(wide) else None
        return ClassResults(found["image_id"], found["score"], found["box"], found["keypoints"], some)


class _RecordFile:
    """Records in a temporary file, opened when the first comes."""

    def __init__(self, record: np.dtype[np.void]) -> None:
        self._record = record
        self._file: BinaryIO | None = None

    def __del__(self) -> None:
        """Close what an error left open; that is no reason for a warning."""
        if self._file is not None:
            self._file.close()

    def append(self, **fields: npt.NDArray[Any]) -> None:
        records = np.empty(len(next(iter(fields.values()))), self._record)
        for name, values in fields.items():
            records[name] = values
        try:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115  it is open until `close`
            self._file.write(records.tobytes())
        except OSError as error:
            raise temporary_folder_full(error) from error

    def close(self) -> npt.NDArray[np.void]:
        records: npt.NDArray[np.void] = np.zeros(0, self._record)
        if self._file is not None:
            try:
                with self._file as file:
                    file.flush()
                    if file.tell():
                        records = np.asarray(np.memmap(file, self._record, mode="r"))  # outlives the file object
            except OSError as error:
                raise temporary_folder_full(error) from error
        return records


def temporary_folder_full(error: OSError) -> DataError:
    """Put into words that detections cannot be kept where the system keeps what is temporary."""
    return DataError(
        f"cannot keep detections in {tempfile.gettempdir()}: {error.strerror or error}",
        hint="free some space there, or name another folder with TMPDIR",
    )
