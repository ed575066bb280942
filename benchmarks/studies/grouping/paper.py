"""The paper's own values, to stand beside ours and never to be mixed with them."""

from __future__ import annotations

from deepmark.benchmarks.studies.grouping.step import Groups

TABLE_1: dict[str, dict[Groups, tuple[float, float]]] = {  # backbone -> groups -> mAP_pt, mAP_box on DeepFashion2
    "ResNet-50": {294: (0.377, 0.629), 62: (0.365, 0.627)},
    "mDLA-34": {294: (0.434, 0.649), 62: (0.422, 0.651)},
    "DLA-34": {294: (0.466, 0.679), 62: (0.456, 0.679)},
}
TIME_SAVED, MEMORY_SAVED = 0.26, 0.28  # "by up to", section 3.1 on Figure 4: RTX 2080 Ti, 256 x 256, all heads dense
