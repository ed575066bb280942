"""What the paper states, and what of a measurement can be set beside it.

Its times: another machine, another year, and labelled so. Table 2 and section 4.3: a Huawei P40 Pro (the paper says
Kirin 990; Huawei sold it with the 990 5G alone, whose middle cores are faster), MNN 1.0.2 with 4 threads on the CPU,
mDLA-34 at 256x256 with 62 keypoint groups, trained weights that were never published.
Nothing here can be divided by anything measured here: what may be compared is what each technique adds, what grouping
saves, and the arithmetic of Table 6.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache

from deepmark.benchmarks.result.document import ContestantResult
from deepmark.benchmarks.result.phone import KIRIN_990_5G, KIRIN_990_UNKNOWN, Phone, soc_name

MACHINE = "Huawei P40 Pro (Kirin 990 5G), MNN 1.0.2, 4 threads on the CPU, 2020: another machine"
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

HEAD_CONVS = (256, 64, 0)


def standing(phone: Phone) -> str:
    """Say beside a time what it may be held against: the paper's times were taken on a Kirin 990 5G."""
    identity = phone.identity
    if identity.emulated:
        return f"EMULATED, no phone at all, {phone.programs}"
    soc = soc_name(identity.platform, identity.clusters) or identity.soc or "unknown"
    same = "same SoC" if soc == KIRIN_990_5G else "perhaps the same SoC" if soc == KIRIN_990_UNKNOWN else "other SoC"
    return f"{same} ({soc}), {phone.programs}"


def paper_gflops(one: ContestantResult) -> float | None:
    """Count network, techniques and decoding in the paper's convention, 1e9 operations.

    It is the dense network that is counted, whichever layout was measured: the paper has no other. None where torch is
    not installed, or where no network of ours has the heads and the number of parameters that the result names.
    """
    if importlib.util.find_spec("torch") is None:
        return None
    return _count(tuple(one.channels.items()), one.parameters, one.height, one.width)


@lru_cache(maxsize=64)
def _count(channels: tuple[tuple[str, int], ...], parameters: int, height: int, width: int) -> float | None:
    import torch

    from deepmark.models.dlav0_34 import DLAv0
    from deepmark.models.mdla34 import MDLA34
    from deepmark.models.table6 import table6_row

    heads = dict(channels)
    with torch.device("meta"):
        for head_conv in HEAD_CONVS:
            for build in (
                lambda conv: MDLA34(heads, head_conv=conv),
                lambda conv: MDLA34(heads, head_conv=conv, place="plain-nobias"),
                lambda conv: DLAv0(heads, head_conv=conv),
            ):
                network = build(head_conv).eval()
                if sum(weight.numel() for weight in network.parameters()) == parameters:
                    maps = heads["hm"] + heads.get("hm_hp", 0)
                    row = table6_row(network, (height, width), heatmaps=maps, landmarks=heads.get("hps", 0) // 2)
                    return row.total / 1e9
    return None
