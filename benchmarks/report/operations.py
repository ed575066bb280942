"""The arithmetic behind a measurement: Table 6's figure for the network that a result names."""

from __future__ import annotations

import importlib.util
from functools import lru_cache

from deepmark.benchmarks.result.document import Measured

HEAD_CONVS = (256, 64, 0)


def paper_gflops(one: Measured) -> float | None:
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
                lambda conv: MDLA34(heads, head_conv=conv, block_bias=False),
                lambda conv: DLAv0(heads, head_conv=conv),
            ):
                network = build(head_conv).eval()
                if sum(weight.numel() for weight in network.parameters()) == parameters:
                    maps = heads["hm"] + heads.get("hm_hp", 0)
                    row = table6_row(network, (height, width), heatmaps=maps, landmarks=heads["hps"] // 2)
                    return row.total / 1e9
    return None
