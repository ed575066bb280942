"""Average precision of one class, by hotcoco.

DeepFashion2's metric is COCO's with its own sigmas:
``OKS = mean over landmarks with v > 0 of exp(-d^2 / (2 * area * (2 * sigma)^2))``, thresholds .50:.05:.95, 101 recall
points, at most 20 detections per picture and class for landmarks and 100 for boxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.benchmarks.accuracy.layout import FloatArray, sigmas_294, to_294
from deepmark.benchmarks.accuracy.results import ClassResults, coco_results, with_ones
from deepmark.benchmarks.accuracy.truth import ClassTruth, coco_annotations
from deepmark.extras import require
from deepmark.models.schema import KeypointSchema

Kind = Literal["keypoints", "bbox"]

MOST_DETECTIONS = {"keypoints": 20, "bbox": 100}  # per picture and class, the best by score
_IOU_50, _IOU_75 = 0, 5  # positions of these thresholds
_NOTHING = -1  # precision where nothing was to be found


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision in [0, 1].

    Attributes:
        ap: mean over the thresholds .50:.05:.95.
        ap50: at .50.
        ap75: at .75.
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


def class_precision(
    truth: ClassTruth, results: ClassResults, index: int, schema: KeypointSchema, kinds: Iterable[Kind]
) -> dict[Kind, AveragePrecision | None]:
    """Evaluate one class by itself, which is exactly what an evaluation of all classes does with it.

    Args:
        truth: its items.
        results: its detections.
        index: of the class, 0-based.
        schema: of the data set.
        kinds: what to evaluate: landmarks, boxes.

    Returns:
        Kind -> average precision; None where nothing was to be found.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    curves = class_curves(truth, results, index, schema, kinds)
    return {kind: None if curve is None else _average(curve) for kind, curve in curves.items()}


def class_curves(
    truth: ClassTruth, results: ClassResults, index: int, schema: KeypointSchema, kinds: Iterable[Kind]
) -> dict[Kind, FloatArray | None]:
    """Give the precision of one class at every threshold and recall, which `class_precision` averages.

    Returns:
        Kind -> (10 thresholds .50:.05:.95, 101 recalls 0:.01:1) precision in [0, 1]; None where nothing was to be
        found.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    require_hotcoco()
    from hotcoco import COCO, COCOeval

    expected, found, sigmas = _points(truth, results, index, schema)
    pictures = sorted({*truth.image_ids.tolist(), *results.image_ids.tolist()})
    coco_truth = COCO(
        {
            "images": [{"id": image_id} for image_id in pictures],
            "categories": [{"id": index + 1, "name": schema.class_names[index]}],
            "annotations": list(coco_annotations(truth, expected, index + 1)),
        }
    )
    coco_found = coco_truth.load_res(list(coco_results(results, found, index + 1)))
    curves: dict[Kind, FloatArray | None] = {}
    for kind in kinds:
        evaluation = COCOeval(coco_truth, coco_found, kind)
        evaluation.params.max_dets = [MOST_DETECTIONS[kind]]
        if kind == "keypoints":
            evaluation.params.kpt_oks_sigmas = sigmas.tolist()
        evaluation.evaluate()
        evaluation.accumulate()
        assert evaluation.eval is not None
        precision = np.asarray(evaluation.eval["precision"])[:, :, 0, 0, 0]
        curves[kind] = None if np.all(precision == _NOTHING) else precision
    return curves


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


def _points(
    truth: ClassTruth, results: ClassResults, index: int, schema: KeypointSchema
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give expected and found landmarks, (N, K, 3), and the sigmas, (K,), in the smallest layout that is exact.

    That is the class's own, a tenth of the memory of the 294. But COCO compares an item without any labelled landmark
    by all landmarks of the layout, zeros included, to see whether a detection may be forgiven.
    """
    found = with_ones(results.keypoints)
    if np.all(np.any(truth.keypoints[..., 2] > 0, axis=1)):
        return truth.keypoints, found, np.array(schema.classes[index].sigmas)
    return to_294(truth.keypoints, index, schema), to_294(found, index, schema), sigmas_294(schema)


def _average(curve: FloatArray) -> AveragePrecision:
    by_threshold = curve.mean(axis=1)
    return AveragePrecision(float(by_threshold.mean()), float(by_threshold[_IOU_50]), float(by_threshold[_IOU_75]))
