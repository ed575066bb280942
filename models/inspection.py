"""What ``deepmark inspect`` tells: the loader's report, the schema, and the arithmetic at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepmark.models.compute import CONVENTIONS, NetworkCost, network_cost
from deepmark.models.loading import LoadedNetwork, LoadReport, load_checkpoint
from deepmark.models.table6 import Table6Row, table6_row
from deepmark.runtime.keypoints.schema import KeypointSchema

PAPER_SIZES = ((128, 128), (256, 256), (512, 512))  # height, width: the paper's


@dataclass(frozen=True, slots=True)
class Inspection:
    """A checkpoint that can be exported.

    Attributes:
        report: account of what is in the file.
        schema: name of the keypoint schema, given or built in with these counts; None where there is none.
        costs: the network at each size.
        conventions: meanings of the two counts of ``costs``.
        table6: Table 6 of the paper at each size.
    """

    report: LoadReport
    schema: str | None
    costs: tuple[NetworkCost, ...]
    conventions: dict[str, str]
    table6: tuple[Table6Row, ...]


def inspect_checkpoint(
    path: str | Path, *, schema: KeypointSchema | None = None, sizes: Sequence[tuple[int, int]] = ()
) -> Inspection:
    """Load a checkpoint strictly and count it.

    Args:
        path: path of the file.
        schema: keypoint schema it was trained with; None for the built-in one with its counts.
        sizes: heights and widths of inputs to count for, in pixels; empty for the paper's three.

    Raises:
        CheckpointError: it cannot be exported; the message says why.
    """
    loaded = load_checkpoint(path, schema)
    sizes = sizes or PAPER_SIZES
    return Inspection(
        report=loaded.report,
        schema=loaded.schema.name if loaded.schema else None,
        costs=tuple(network_cost(loaded.network, size) for size in sizes),
        conventions=CONVENTIONS,
        table6=tuple(_table6_row(loaded, size) for size in sizes),
    )


def _table6_row(loaded: LoadedNetwork, size: tuple[int, int]) -> Table6Row:
    report = loaded.report
    return table6_row(
        loaded.network,
        size,
        heatmaps=report.classes + report.heads.get("hm_hp", 0),
        landmarks=max(map(len, loaded.schema.groups)) if loaded.schema else report.groups,
    )
