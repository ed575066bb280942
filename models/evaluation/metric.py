"""Average precision of one class, by hotcoco, and precision at every threshold and recall, which it is the mean of.

COCO's metric: ``OKS = mean over landmarks with v > 0 of exp(-d^2 / (2 * area * (2 * sigma)^2))``, thresholds
.50:.05:.95, 101 recall points, at most 20 detections per picture and class for landmarks and 100 for boxes. An item
without a labelled landmark need not be found; a crowd need not, and may be found many times. DeepFashion2's is the same
with its own sigmas, and with the box for the area.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.extras import require
from deepmark.models.evaluation.coco_file import Widen, coco_rows, write_rows
from deepmark.models.evaluation.landmark_layout import sigmas_294, to_294
from deepmark.models.evaluation.results import ClassResults, temporary_folder_full
from deepmark.models.evaluation.truth import ClassTruth, Kind, Truth, coco_annotations
from deepmark.runtime.arrays import F64, I64
from deepmark.runtime.keypoints.schema import KeypointSchema

if TYPE_CHECKING:
    from hotcoco import COCO

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of OKS for landmarks, of IoU for boxes
RECALLS = tuple(step / 100 for step in range(101))
KIND_NAMES: dict[Kind, str] = {"keypoints": "landmarks", "bbox": "boxes"}
LIMITS: dict[Kind, tuple[int, ...]] = {"keypoints": (20,), "bbox": (1, 10, 100)}  # COCO's, of recall for boxes
MOST_DETECTIONS = {kind: limits[-1] for kind, limits in LIMITS.items()}  # per picture and class, the best by score
_IOU_50, _IOU_75 = 0, 5  # positions of these thresholds
NOTHING = -1  # precision where nothing was to be found


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


@dataclass(frozen=True, slots=True, eq=False)
class ClassEvaluation:
    """What COCO's evaluation says of one class; all values are -1 where nothing was to be found.

    Attributes:
        precision: (10, 101, S) precision in [0, 1] at each threshold and recall, of items of each of COCO's S sizes:
            all, medium and large for landmarks, all, small, medium and large for boxes.
        recall: (10, S, L) highest recall in [0, 1] at each threshold with each of the L `LIMITS` of detections.
    """

    precision: F64
    recall: F64

    @property
    def curve(self) -> F64 | None:
        """Precision for items of all sizes, (10, 101); None where nothing was to be found."""
        whole: F64 = self.precision[:, :, 0]
        return None if np.all(whole == NOTHING) else whole

    @property
    def average(self) -> AveragePrecision | None:
        """Average precision for items of all sizes; None where nothing was to be found."""
        return None if self.curve is None else _average(self.curve)


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

    def evaluate(self, truth: ClassTruth, kinds: Iterable[Kind]) -> dict[Kind, ClassEvaluation]:
        """Evaluate the class.

        Args:
            truth: items of the class, in the pictures that were named.
            kinds: kinds of what to evaluate: landmarks, boxes.
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
        found: dict[Kind, ClassEvaluation] = {}
        for kind in kinds:
            evaluation = COCOeval(expected, self._load(wide), kind)
            evaluation.params.max_dets = list(LIMITS[kind])
            if kind == "keypoints":
                evaluation.params.kpt_oks_sigmas = sigmas.tolist()
            evaluation.evaluate()
            evaluation.accumulate()
            assert evaluation.eval is not None
            precision, recall = (np.asarray(evaluation.eval[name])[..., 0, :, :] for name in ("precision", "recall"))
            found[kind] = ClassEvaluation(precision[..., -1], recall)
        return found

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
        evaluations = metric.evaluate(expected, truth.kinds)
        points.append(evaluations["keypoints"].curve if "keypoints" in evaluations else None)
        boxes.append(evaluations["bbox"].curve)
    return PrecisionCurves(_mean(points), _mean(boxes))


def _mean(curves: Sequence[F64 | None]) -> F64 | None:
    present = [one for one in curves if one is not None]
    return np.mean(present, axis=0) if present else None
