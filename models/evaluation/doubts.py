"""What a file of detections is read as and is likely not to mean: classes, corners of boxes, fractions of pictures."""

from __future__ import annotations

import numpy as np

from deepmark.models.evaluation.landmark_layout import class_ranges
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.arrays import F64
from deepmark.runtime.boxes import iou_of_sizes

_FRACTION = 2.0  # where nothing of any picture is further from its corner, in pixels, these are no pixels
_COMPARED = 1000  # pictures whose best detection is read both ways


class Doubts:
    """Looks at detections one after the other, and says in the end what is strange about all of them.

    Args:
        source: name of the file.
        truth: what is to be found in its pictures.
    """

    def __init__(self, source: str, truth: Truth) -> None:
        self._source, self._truth = source, truth
        self._ranges = class_ranges(truth.schema)
        self._detections = self._strangers = 0
        self._classes: set[int] = set()
        self._first_stranger = ""
        self._furthest = 0.0  # pixels from the picture's corner, of boxes and landmarks
        self._may_be_corners = True
        self._best: dict[int, tuple[float, F64]] = {}  # picture -> score and box of its best detection

    def look(
        self, number: int, image_id: int, class_index: int, score: float, box: F64 | None, points: F64 | None
    ) -> None:
        """Look at a detection.

        Args:
            number: number of the detection, from 0.
            image_id: number of its picture.
            class_index: 0-based number of its class.
            score: score in [0, 1].
            box: (4,) x, y, width, height in pixels; None without a box.
            points: (D, 2) x, y of the landmarks of all classes in pixels; None without landmarks.
        """
        self._detections += 1
        self._classes.add(class_index)
        if points is not None:
            self._furthest = max(self._furthest, float(points.max()))
            self._look_for_strangers(number, class_index, points)
        if box is not None:
            self._furthest = max(self._furthest, *(box[:2] + box[2:]).tolist())
            self._may_be_corners &= bool(np.all(box[2:] > box[:2]))
            if image_id not in self._best or score > self._best[image_id][0]:
                self._best[image_id] = score, box

    def _look_for_strangers(self, number: int, class_index: int, points: F64) -> None:
        if points[self._ranges[class_index]].any() or not points.any():
            return
        if not self._strangers:
            names = self._truth.schema.class_names
            most = int(np.argmax([np.count_nonzero(points[one]) for one in self._ranges]))
            self._first_stranger = f"detection {number} is {names[class_index]} and has those of {names[most]}"
        self._strangers += 1

    def sentences(self) -> tuple[str, ...]:
        """Say what is strange; one sentence for each kind."""
        found = (self._one_class(), self._other_landmarks(), self._corners(), self._fractions())
        return tuple(f"{self._source}: {sentence}" for sentence in found if sentence)

    def _one_class(self) -> str:
        others = sum(len(one.image_ids) > 0 for at, one in enumerate(self._truth.classes) if at not in self._classes)
        if self._detections < 2 or len(self._classes) > 1 or not others:
            return ""
        (index,) = self._classes
        name, number = self._truth.schema.class_names[index], self._truth.standard.category_ids[index]
        return (
            f"all {self._detections:,} detections have category_id {number} ({name}),"
            f" and there are {self._truth.standard.items} of {others} other classes; some tools write 1 for every class"
        )

    def _other_landmarks(self) -> str:
        if not self._strangers:
            return ""
        return (
            f"{self._strangers:,} of {self._detections:,} detections have no landmark of their own class, but others':"
            f" {self._first_stranger}; the metric looks at those of category_id alone"
        )

    def _corners(self) -> str:
        if not self._may_be_corners:
            return ""
        compared = better = 0
        for image_id, (_, box) in list(self._best.items())[:_COMPARED]:
            boxes = [one.boxes[one.image_ids == image_id] for one in self._truth.classes]
            corners = np.concatenate([box[:2], box[2:] - box[:2]])
            overlaps = iou_of_sizes(np.concatenate(boxes)[:, None], np.stack([box, corners]))
            plain, as_corners = overlaps.max(axis=0, initial=0).tolist()
            compared += max(plain, as_corners) > 0
            better += as_corners > plain
        if 2 * better <= compared:
            return ""
        return (
            f"bbox looks like x1, y1, x2, y2, and is read as x, y, width, height: as corners the best detection of"
            f" {better:,} of {compared:,} pictures would overlap one of the {self._truth.standard.items} more"
        )

    def _fractions(self) -> str:
        if not self._detections or not 0 < self._furthest <= _FRACTION:
            return ""
        return (
            f"nothing lies further than {self._furthest:g} from the pictures' corners: these look like fractions, and"
            " are read as pixels"
        )
