#!/bin/sh
# A COCO file whose annotations are numbered from 0 has three answers: one garment is lost, lost with a warning, or found.
#
# COCO's evaluation writes the id of the annotation that a detection found into a table in which 0 means "found nothing".
# The official converter of DeepFashion2 numbers from 1; other tools begin at 0. Two garments, both found exactly:
#   - pycocotools 2.0.11: AP .2525, without a word. The detection of annotation 0 counts as wrong, and it comes first.
#   - faster-coco-eval 1.8.0: AP .2525, and a UserWarning that says why.
#   - hotcoco 1.3.0: AP 1, the right answer.
# So a figure of a paper that was made with such a file is too low, by one garment and by what its detection's rank costs.
# Seen with Python 3.11 on x86-64 Linux, 2026-11-28.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet hotcoco==1.3.0 pycocotools==2.0.11 faster-coco-eval==1.8.0 "numpy<3"
cat > try.py <<'PYTHON'
import contextlib
import copy
import io
import json
import warnings

import hotcoco
import numpy as np
from faster_coco_eval import COCO as FasterCOCO
from faster_coco_eval import COCOeval_faster
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

BOX = [10, 10, 20, 20]


def truth(first):
    annotations = [
        {"id": first + at, "image_id": 1 + at, "category_id": 1, "bbox": BOX, "area": 400, "iscrowd": 0} for at in (0, 1)
    ]
    return {"images": [{"id": 1}, {"id": 2}], "categories": [{"id": 1, "name": "vest"}], "annotations": annotations}


found = [{"image_id": 1 + at, "category_id": 1, "bbox": BOX, "score": 0.9 - at / 10} for at in (0, 1)]
with open("found.json", "w") as file:
    json.dump(found, file)


def average(evaluation):
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    return round(float(np.asarray(evaluation.eval["precision"])[:, :, 0, 0, -1].mean()), 4)


def figures(first):
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        plain = COCO()
        plain.dataset = truth(first)
        plain.createIndex()
        one = average(COCOeval(plain, plain.loadRes(copy.deepcopy(found)), "bbox"))
        assert not told, "pycocotools warns"
        faster = FasterCOCO(truth(first))
        two = average(COCOeval_faster(faster, faster.loadRes(copy.deepcopy(found)), "bbox"))
        assert bool(told) == (first == 0)
        rust = hotcoco.COCO(truth(first))
        three = average(hotcoco.COCOeval(rust, rust.load_res("found.json"), "bbox"))
    return one, two, three


for first in (1, 0):
    print(f"annotations from {first}: pycocotools, faster-coco-eval, hotcoco: {figures(first)}")
assert figures(1) == (1, 1, 1)
assert figures(0) == (0.2525, 0.2525, 1), "one of them has changed"
PYTHON
venv/bin/python try.py
