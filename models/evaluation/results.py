"""What was found, class by class, in files of no name: 5,000 pictures of 100 detections take no memory to speak of."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.runtime.arrays import F64, I64
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema


@dataclass(frozen=True, slots=True, eq=False)
class ClassResults:
    """N detections of one class.

    Attributes:
        image_ids: (N,) numbers of the pictures, int64.
        scores: (N,) scores.
        boxes: (N, 4) x, y, width, height, in pixels.
        keypoints: (N, P, 2) x, y of the landmarks, in the class's own order.
    """

    image_ids: I64
    scores: F64
    boxes: F64
    keypoints: F64

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, rows: slice) -> ClassResults:
        """Return some of the detections."""
        return ClassResults(self.image_ids[rows], self.scores[rows], self.boxes[rows], self.keypoints[rows])


class ResultsBuilder:
    """Gathers detections picture by picture; equal scores keep the order in which they came.

    Each class has a file in the system's temporary folder, which vanishes with the last of its arrays.
    """

    def __init__(self, schema: KeypointSchema) -> None:
        self._classes = [_ClassFile(len(one.groups)) for one in schema.classes]

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


class _ClassFile:
    """Records of one class's detections, opened when the first comes."""

    def __init__(self, landmarks: int) -> None:
        self._record = np.dtype(
            [
                ("image_id", np.int64),
                ("score", np.float64),
                ("box", np.float64, (4,)),
                ("keypoints", np.float64, (landmarks, 2)),
            ]
        )
        self._file: BinaryIO | None = None

    def __del__(self) -> None:
        """Close what an error left open; that is no reason for a warning."""
        if self._file is not None:
            self._file.close()

    def append(self, found: ClassResults) -> None:
        records = np.empty(len(found), self._record)
        records["image_id"], records["score"] = found.image_ids, found.scores
        records["box"], records["keypoints"] = found.boxes, found.keypoints
        try:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115  it is open until `close`
            self._file.write(records.tobytes())
        except OSError as error:
            raise temporary_folder_full(error) from error

    def close(self) -> ClassResults:
        records: npt.NDArray[np.void] = np.zeros(0, self._record)
        if self._file is not None:
            try:
                with self._file as file:
                    file.flush()
                    if file.tell():
                        records = np.asarray(np.memmap(file, self._record, mode="r"))  # outlives the file object
            except OSError as error:
                raise temporary_folder_full(error) from error
        return ClassResults(records["image_id"], records["score"], records["box"], records["keypoints"])


def temporary_folder_full(error: OSError) -> DataError:
    """Put into words that detections cannot be kept where the system keeps what is temporary."""
    return DataError(
        f"cannot keep detections in {tempfile.gettempdir()}: {error.strerror or error}",
        hint="free some space there, or name another folder with TMPDIR",
    )
