"""Exports that last as long as a study: the network in a precision, whatever that costs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from deepmark.console import say
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT, LAYOUTS


def add_export_arguments(parser: ArgumentParser, *, size: str) -> None:
    """Add what to export and how: CHECKPOINT, ``--size`` and ``--heads``.

    Args:
        parser: the study's command line.
        size: the default of ``--size``.
    """
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=Path, help="A checkpoint, as `deepmark export` takes it."
    )
    parser.add_argument("--size", metavar="N|HxW", default=size, help="Input size, pixels.  [default: %(default)s]")
    parser.add_argument(
        "--heads", choices=list(LAYOUTS), default=DEFAULT_LAYOUT, help="Layout of the heads.  [default: %(default)s]"
    )


def export_at_any_cost(
    checkpoint: Path,
    folder: Path,
    precision: str,
    *,
    size: tuple[int, int],
    heads: str,
    calibration: Path | None = None,
) -> Path:
    """Export to MNN, however much the precision costs; return the path of the bundle, ``network-PRECISION.deepmark``.

    Args:
        checkpoint: what `load_checkpoint` takes.
        folder: folder for the bundle.
        precision: name out of `deepmark.exporter.formats.PRECISIONS`.
        size: height and width of the network's input, in pixels.
        heads: layout of the graph, ``"dense"`` or ``"sparse"``.
        calibration: folder of pictures for int8; None for drawings.

    Raises:
        DeepMarkError: the export failed.
    """
    from deepmark.exporter.pipeline import export
    from deepmark.exporter.precision.plan import Limits

    say(f"exporting in {precision}")
    return export(
        checkpoint,
        ("mnn",),
        folder,
        name=f"network-{precision}",
        size=size,
        heads=heads,
        precision=precision,
        calibration=calibration,
        limits=Limits(min_kept=0),
    ).path
