"""Average precision of one class, by hotcoco, and precision at every threshold and recall, which it is the mean of.

DeepFashion2's metric is COCO's with its own sigmas:
``OKS = mean over landmarks with v > 0 of exp(-d^2 / (2 * area * (2 * sigma)^2))``, thresholds .50:.05:.95, 101 recall
points, at most 20 detections per picture and class for landmarks and 100 for boxes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepmark.extras import require
from deepmark.models.evaluation.coco_file import Widen, coco_rows, write_rows
from deepmark.models.evaluation.landmark_layout import sigmas_294, to_294
from deepmark.models.evaluation.results import ClassResults, temporary_folder_full
from deepmark.models.evaluation.truth import ClassTruth, Truth, coco_annotations
from deepmark.runtime.arrays import F64, I64
from deepmark.runtime.keypoints.schema import KeypointSchema

if TYPE_CHECKING:
    from hotcoco import COCO

Kind = Literal["keypoints", "bbox"]

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of OKS for landmarks, of IoU for boxes
RECALLS = tuple(step / 100 for step in range(101))
KINDS: tuple[Kind, ...] = ("keypoints", "bbox")
KIND_NAMES: dict[Kind, str] = {"keypoints": "landmarks", "bbox": "boxes"}
MOST_DETECTIONS: dict[Kind, int] = {"keypoints": 20, "bbox": 100}  # per picture and class, the best by score
_IOU_50, _IOU_75 = 0, 5  # positions of these thresholds
_NOTHING = -1  # precision where nothing was to be found


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision in [0, 1].

    Attributes:
        ap: mean over the thresholds .50:.05:.95.
        ap50: average precision at the threshold .50.
        ap75: average precision at the threshold .75.
    """

    ap: float
    ap50: float
    ap75: float


def require_hotcoco() -> None:
    """Refuse to begin what could not be finished.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    require("evaluation", "hotcoco", extra="eval")


class ClassMetric:
    """One class's detections, loaded once and held against any truth of its items.

    A class by itself is exactly what an evaluation of all classes does with it.

    Args:
        results: detections of the class.
        image_ids: (N,) numbers of the pictures with items of the class.
        index: 0-based number of the class.
        schema: classes and landmarks of the data set.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """

    def __init__(self, results: ClassResults, image_ids: I64, index: int, schema: KeypointSchema) -> None:
        require_hotcoco()
        self._results, self._index, self._schema = results, index, schema
        self._base = {
            "images": [{"id": image_id} for image_id in np.union1d(image_ids, results.image_ids).tolist()],
            "categories": [{"id": index + 1, "name": schema.class_names[index]}],
        }
        self._found: dict[bool, COCO] = {}

    def average_precision(self, truth: ClassTruth, kinds: Iterable[Kind]) -> dict[Kind, AveragePrecision | None]:
        """Evaluate the class.

        Args:
            truth: items of the class, in the pictures that were named.
            kinds: kinds of what to evaluate: landmarks, boxes.

        Returns:
            Kind -> average precision; None where nothing was to be found.
        """
        curves = self.curves(truth, kinds)
        return {kind: None if curve is None else _average(curve) for kind, curve in curves.items()}

    def curves(self, truth: ClassTruth, kinds: Iterable[Kind]) -> dict[Kind, F64 | None]:
        """Give the precision at every threshold and recall, which `average_precision` averages.

        Returns:
            Kind -> (10 thresholds .50:.05:.95, 101 recalls 0:.01:1) precision in [0, 1]; None where nothing was to be
            found.
        """
        from hotcoco import COCO, COCOeval

        # The smallest layout that is exact is the class's own, a tenth of the 294. But COCO compares an item without
        # any labelled landmark by all landmarks of the layout, whatever a detection has there, to see if it may be
        # forgiven.
        wide = not bool(np.all(np.any(truth.keypoints[..., 2] > 0, axis=1)))
        sigmas = sigmas_294(self._schema) if wide else np.array(self._schema.classes[self._index].sigmas)
        widen = self._widen(wide)
        keypoints = truth.keypoints if widen is None else widen(truth.keypoints)
        annotations = coco_annotations(truth, keypoints, self._index + 1)
        expected = COCO({**self._base, "annotations": list(annotations)})
        curves: dict[Kind, F64 | None] = {}
        for kind in kinds:
            evaluation = COCOeval(expected, self._load(wide), kind)
            evaluation.params.max_dets = [MOST_DETECTIONS[kind]]
            if kind == "keypoints":
                evaluation.params.kpt_oks_sigmas = sigmas.tolist()
            evaluation.evaluate()
            evaluation.accumulate()
            assert evaluation.eval is not None
            curve = np.asarray(evaluation.eval["precision"])[:, :, 0, 0, 0]
            curves[kind] = None if np.all(curve == _NOTHING) else curve
        return curves

    def _widen(self, wide: bool) -> Widen | None:
        return partial(to_294, class_index=self._index, schema=self._schema) if wide else None

    def _load(self, wide: bool) -> COCO:
        """Give hotcoco the detections in a file: as Python's objects they take five times the memory."""
        from hotcoco import COCO

        if wide not in self._found:
            rows = coco_rows(self._results, self._index + 1, self._widen(wide))
            with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
                path = Path(folder) / "found.json"
                try:
                    write_rows(path, rows)
                except OSError as error:
                    raise temporary_folder_full(error) from error
                self._found = {wide: COCO({**self._base, "annotations": []}).load_res(str(path))}
        return self._found[wide]


def mean(classes: Iterable[AveragePrecision | None]) -> AveragePrecision | None:
    """Average over the classes that something was to be found of: mAP. None where there is none."""
    present = [one for one in classes if one is not None]
    if not present:
        return None
    return AveragePrecision(
        ap=float(np.mean([one.ap for one in present])),
        ap50=float(np.mean([one.ap50 for one in present])),
        ap75=float(np.mean([one.ap75 for one in present])),
    )


def _average(curve: F64) -> AveragePrecision:
    by_threshold = curve.mean(axis=1)
    return AveragePrecision(float(by_threshold.mean()), float(by_threshold[_IOU_50]), float(by_threshold[_IOU_75]))


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionCurves:
    """Precision in [0, 1], (10 `THRESHOLDS`, 101 `RECALLS`): the mean of the classes that are in the data set.

    Attributes:
        points: (10, 101) precision of landmarks, whose mean is mAP_pt; None where there is nothing to be found.
        boxes: (10, 101) precision of boxes, whose mean is mAP_box; None where there is nothing to be found.
    """

    points: F64 | None
    boxes: F64 | None


def measure_curves(truth: Truth, results: Sequence[ClassResults]) -> PrecisionCurves:
    """Hold detections against the truth, as `deepmark.models.evaluation.report.measure` does.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    points, boxes = [], []
    for index, (expected, found) in enumerate(zip(truth.classes, results, strict=True)):
        metric = ClassMetric(found, expected.image_ids, index, truth.schema)
        curves = metric.curves(expected, ("keypoints", "bbox"))
        points.append(curves["keypoints"])
        boxes.append(curves["bbox"])
    return PrecisionCurves(_mean(points), _mean(boxes))


def _mean(curves: Sequence[F64 | None]) -> F64 | None:
    present = [one for one in curves if one is not None]
    return np.mean(present, axis=0) if present else None
