"""What ``deepmark inspect`` tells: the loader's report, the schema, and the arithmetic at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepmark.models.compute import CONVENTIONS, NetworkCost, follows_the_paper, network_cost
from deepmark.models.loading import LoadedNetwork, LoadReport, load_checkpoint
from deepmark.models.recognition.deformed import MaskFactor
from deepmark.models.size import check_multiple
from deepmark.models.table6 import Table6Row, table6_row
from deepmark.runtime.keypoints.schema import KeypointSchema

PAPER = "paper"  # the convention that is settled for some networks only
PAPER_SIZES = ((128, 128), (256, 256), (512, 512))  # height, width: the paper's


@dataclass(frozen=True, slots=True)
class Inspection:
    """A checkpoint that can be exported.

    Attributes:
        report: account of what is in the file.
        schema: name of the keypoint schema, given or built in with these counts; None where there is none.
        costs: the network at each size.
        multiple: number of pixels that height and width of the input must be multiples of.
        conventions: meanings of the counts of ``costs`` that are settled for this network.
        table6: Table 6 of the paper at each size; empty for a network that the table is not of.
    """

    report: LoadReport
    schema: str | None
    multiple: int
    costs: tuple[NetworkCost, ...]
    conventions: dict[str, str]
    table6: tuple[Table6Row, ...]


def inspect_checkpoint(
    path: str | Path,
    *,
    schema: KeypointSchema | None = None,
    sizes: Sequence[tuple[int, int]] = (),
    dcn_mask: MaskFactor | None = None,
) -> Inspection:
    """Load a checkpoint strictly and count it.

    Args:
        path: path of the file.
        schema: keypoint schema it was trained with; None for the built-in one with its counts.
        sizes: heights and widths of inputs to count for, in pixels; empty for the paper's three.
        dcn_mask: factor of the mask of variant H (`load_checkpoint`); None for every other checkpoint.

    Raises:
        CheckpointError: it cannot be exported; the message says why.
        UsageError: the network does not take one of the sizes.
    """
    loaded = load_checkpoint(path, schema, dcn_mask=dcn_mask)
    sizes = sizes or PAPER_SIZES
    for size in sizes:
        check_multiple(size, loaded.multiple)
    settled = follows_the_paper(loaded.network)
    return Inspection(
        report=loaded.report,
        schema=loaded.schema.name if loaded.schema else None,
        multiple=loaded.multiple,
        costs=tuple(network_cost(loaded.network, size) for size in sizes),
        conventions={name: meaning for name, meaning in CONVENTIONS.items() if settled or name != PAPER},
        table6=tuple(_table6_row(loaded, size) for size in sizes) if settled else (),
    )


def _table6_row(loaded: LoadedNetwork, size: tuple[int, int]) -> Table6Row:
    report = loaded.report
    return table6_row(
        loaded.network,
        size,
        heatmaps=report.classes + report.heads.get("hm_hp", 0),
        landmarks=max(map(len, loaded.schema.groups)) if loaded.schema else report.groups,
    )
