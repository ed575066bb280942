"""The official way to the figures: pycocotools on all classes at once; of DeepFashion2 with the 294 sigmas."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from deepmark.models.evaluation.landmark_layout import to_294
from deepmark.models.evaluation.truth import Truth, coco_annotations
from deepmark.runtime.arrays import F64

Document = dict[str, Any]


def precision(truth: Document, found: Sequence[Document], kind: str, sigmas: Sequence[float]) -> F64:
    """Precision by threshold, recall and class, (10, 101, 13); -1 where nothing was to be found."""
    return np.asarray(_evaluate(truth, found, kind, sigmas).eval["precision"][:, :, :, 0, -1])


def figures(truth: Document, found: Sequence[Document], kind: str) -> list[float]:
    """COCO's ten figures for keypoints or twelve for boxes, in its order; -1 where nothing was to be found."""
    evaluation = _evaluate(truth, found, kind, None)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.summarize()
    return [float(one) for one in evaluation.stats]


def _evaluate(truth: Document, found: Sequence[Document], kind: str, sigmas: Sequence[float] | None) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        expected = COCO()
        expected.dataset = truth
        expected.createIndex()
        if found:
            results = expected.loadRes([dict(one) for one in found])
        else:  # pycocotools cannot load none
            results = COCO()
            results.dataset = truth | {"annotations": []}
            results.createIndex()
        evaluation = COCOeval(expected, results, kind)
        if sigmas is not None and kind == "keypoints":
            evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def coco_document(truth: Truth) -> Document:
    """Give everything as one COCO document in the 294 layout, as the official converter does.

    That converter drops ``scale``, ``occlusion``, ``zoom_in`` and ``viewpoint``; they are kept here.
    """
    annotations = [
        annotation
        for index, one in enumerate(truth.classes)
        for annotation in coco_annotations(one, to_294(one.keypoints, index, truth.schema), index + 1)
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    return {
        "images": [{"id": image_id} for image_id in truth.image_ids],
        "categories": [{"id": number, "name": name} for number, name in enumerate(truth.schema.class_names, 1)],
        "annotations": annotations,
    }
