"""The paper's own times, to stand beside ours: another machine, another year, and labelled so.

Table 2 and section 4.3 of the paper: a Huawei P40 Pro (Kirin 990), MNN 1.0.2 with 4 threads on the CPU, mDLA-34 at
256x256 with 62 keypoint groups, trained weights that were never published. Nothing here can be divided by anything
measured here: what may be compared is what each technique adds, and what grouping saves.
"""

from __future__ import annotations

MACHINE = "Huawei P40 Pro (Kirin 990), MNN 1.0.2, 4 threads on the CPU, 2020: another machine"
PAPER_SIZE = "256x256"
CLAIM_TIME, CLAIM_MEMORY = 0.25, 0.15  # section 4.3: 62 groups against 294 keypoints, faster and less memory

TOTALS_MS = {
    "baseline": 54.50,
    "NMS": 54.57,
    "technique 1": 54.61,
    "technique 2": 54.44,
    "technique 3": 54.81,
    "technique 4": 55.95,
    "all techniques": 56.76,
}
"""Table 2: letterbox, inference and decoding of one picture of 256x256."""

GFLOPS = {128: 2.424, 256: 9.696, 512: 38.783}
"""Table 6: side of the input -> everything, in the paper's convention."""
