#!/bin/sh
# hotcoco 1.3.0 evaluates landmarks that it has no sigma for, and says nothing; pycocotools 2.0.11 refuses.
#
# OKS needs one sigma a landmark. COCO's people have 17, which is what both libraries begin with; DeepFashion2's clothes
# have 294. Who forgets to set `params.kpt_oks_sigmas` gets
#   - from pycocotools: ValueError: operands could not be broadcast together with shapes (294,) (17,)
#   - from hotcoco: a figure. It looks at the first 17 landmarks alone. A garment whose landmarks all stand behind them
#     (a long sleeve top: 26 to 58 of 294) is compared as one without labels, and yet has to be found: every detection
#     whose first 17 landmarks lie within its box, with the box's size added on each side, is perfect. Here they are
#     0, 0, and the class scores 1.0 with landmarks that are useless.
# With all 294 both give the same figure.
# Seen with Python 3.11 on x86-64 Linux, 2026-11-28.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet hotcoco==1.3.0 pycocotools==2.0.11 "numpy<3"
cat > try.py <<'PYTHON'
import contextlib
import io
import json

import hotcoco
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(0)
LONG_SLEEVE_TOP = slice(25, 58)  # its landmarks among DeepFashion2's 294


def annotation(number):
    points = np.zeros((294, 3))
    points[LONG_SLEEVE_TOP] = np.c_[rng.uniform(100, 200, (33, 2)), np.full(33, 2)]
    return {"id": number, "image_id": number, "category_id": 2, "bbox": [100, 100, 100, 100], "area": 10000,
            "iscrowd": 0, "num_keypoints": 33, "keypoints": points.ravel().tolist()}


def detection(one):
    points = np.array(one["keypoints"]).reshape(-1, 3)
    points[LONG_SLEEVE_TOP, :2] += rng.normal(0, 30, (33, 2))  # a third of the garment's side: useless
    return {"image_id": one["image_id"], "category_id": 2, "score": 0.5, "keypoints": points.ravel().tolist()}


annotations = [annotation(number) for number in range(1, 21)]
truth = {"images": [{"id": number} for number in range(1, 21)], "categories": [{"id": 2, "name": "top"}],
         "annotations": annotations}
found = [detection(one) for one in annotations]
with open("found.json", "w") as file:
    json.dump(found, file)


def by_hotcoco(sigmas):
    expected = hotcoco.COCO(truth)
    evaluation = hotcoco.COCOeval(expected, expected.load_res("found.json"), "keypoints")
    if sigmas is not None:
        evaluation.params.kpt_oks_sigmas = sigmas
    evaluation.evaluate()
    evaluation.accumulate()
    return float(np.asarray(evaluation.eval["precision"])[:, :, 0, 0, -1].mean())


def by_pycocotools(sigmas):
    with contextlib.redirect_stdout(io.StringIO()):
        expected = COCO()
        expected.dataset = truth
        expected.createIndex()
        evaluation = COCOeval(expected, expected.loadRes(found), "keypoints")
        if sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"][:, :, 0, 0, -1].mean())


right = [0.04] * 294
print(f"294 sigmas: hotcoco {by_hotcoco(right):.4f}, pycocotools {by_pycocotools(right):.4f}")
assert by_hotcoco(right) == by_pycocotools(right) == 0
try:
    by_pycocotools(None)
    raise SystemExit("pycocotools took 17 sigmas for 294 landmarks")
except ValueError as error:
    print(f"17 sigmas, as both begin with: pycocotools says {error}")
default = by_hotcoco(None)
print(f"17 sigmas, as both begin with: hotcoco gives {default:.4f}")
assert default == 1.0, "hotcoco has changed"
PYTHON
venv/bin/python try.py
