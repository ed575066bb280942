"""What others published about the paper's processor, as a hint beside a measurement. It refuses nothing.

Expected of mDLA-34 at 256x256 (9.6 GMAC) in fp16 with 4 threads: 45 to 105 ms. That is an estimate from published
times of classifiers on the Kirin 990 (MNN's own benchmark of March 2020, Bolt 1.0.0, Paddle-Lite 2.11): their rates
give 72 to 109 ms, and 3x3 convolutions by Winograd's way need less. docs/phone.md has the table.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepmark.benchmarks.report.paper import PAPER_SIZE
from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.phone import KIRIN_990, KIRIN_990_5G, KIRIN_990_UNKNOWN, soc_name

EXPECTED_MS = (45.0, 105.0)
_THREADS, _PRECISION = 4, "fp16"
_PARAMETERS = (18_500_000, 19_800_000)  # of mDLA-34, by groups and head_conv


def public_figure_hints(result: BenchResult) -> Iterator[str]:
    """Name the networks whose time lies outside what published figures of the same processor let expect."""
    if result.phone is None:
        return
    identity = result.phone.identity
    if soc_name(identity.platform, identity.clusters) not in {KIRIN_990, KIRIN_990_5G, KIRIN_990_UNKNOWN}:
        return
    least, most = EXPECTED_MS
    for one in filter(_is_expected, result.contestants):
        median = float(np.median(np.concatenate(one.times("network"))))
        if not least <= median <= most:
            why = (
                "check the measurement"
                if median < least
                else "little cores, two cores instead of four, fp32 or heat would explain it"
            )
            yield (
                f"{one.name}: its network took {median:.0f} ms; published figures of this processor let {least:.0f} to"
                f" {most:.0f} ms be expected (docs/phone.md): {why}"
            )


def _is_expected(one: ContestantResult) -> bool:
    return (
        one.kind == "model"
        and one.size == PAPER_SIZE
        and one.threads == _THREADS
        and one.settings.get("precision_used") == _PRECISION
        and _PARAMETERS[0] <= one.parameters <= _PARAMETERS[1]
    )
