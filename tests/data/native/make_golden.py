"""Write the golden cases of the C++ decoder: ``python tests/data/native/make_golden.py``, from the repository's root.

Each ``NAME.case`` is what tests/runtime/native/decode_run.cpp reads, ``NAME.expected`` what NumPy's decoder found, in the
form that it prints. With them the C++ decoder can be tried on a device that has no Python.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "support"), str(HERE.parents[1] / "runtime" / "native")]

from native_decoder import encode_case  # noqa: E402
from test_decoder import SCHEMAS, make_heads  # noqa: E402

from deepmark.runtime.decoding.decoder import decode  # noqa: E402
from deepmark.runtime.detections import Detections  # noqa: E402
from deepmark.runtime.decoding.params import DecoderParams  # noqa: E402

PAPER = DecoderParams()
CASES = {
    "person_paper": (1, "17", (12, 10), "quantised", replace(PAPER, top_k=12)),
    "person_baseline": (2, "17", (12, 10), "random", replace(DecoderParams.baseline(), top_k=12)),
    "person_soft": (3, "17", (9, 13), "sparse", replace(PAPER, nms="soft", top_k=12)),
    "garments_raw": (4, "62", (6, 7), "quantised", replace(PAPER, threshold_on="raw", border="replicate", top_k=12)),
    "garments_underflow": (5, "62", (6, 7), "underflow", PAPER),
    "landmarks_294": (6, "294", (4, 5), "random", PAPER),
}


def printed(found: Detections) -> str:
    lines = []
    for i in range(len(found)):
        row = [found.scores[i], found.box_scores[i], found.keypoints_score[i], *found.boxes[i]]
        points = np.column_stack([found.keypoints[i], found.keypoint_scores[i], found.refined[i]])
        values = [f"{float(value):.9g}" for value in [*row, *points.ravel()]]
        lines.append(" ".join([str(found.class_ids[i]), *values]) + "\n")
    return "".join(lines)


def main() -> None:
    for name, (seed, schema, cells, kind, params) in CASES.items():
        heads = make_heads(seed, SCHEMAS[schema], cells, kind)
        (HERE / f"{name}.case").write_bytes(encode_case(heads, SCHEMAS[schema], params))
        (HERE / f"{name}.expected").write_text(printed(decode(heads, SCHEMAS[schema], params)))


if __name__ == "__main__":
    main()
