"""The official way to DeepFashion2's figures: pycocotools on all classes at once, with the 294 sigmas."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from deepmark.runtime.arrays import F64

Document = dict[str, Any]


def precision(truth: Document, found: Sequence[Document], kind: str, sigmas: Sequence[float]) -> F64:
    """Precision by threshold, recall and class, (10, 101, 13); -1 where nothing was to be found."""
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
        if kind == "keypoints":
            evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"][:, :, :, 0, -1])
