"""``deepmark export`` and ``deepmark verify``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deepmark.console import output_options, print_json, printable, run, say
from deepmark.errors import ParityError
from deepmark.exporter.formats import FORMATS

if TYPE_CHECKING:
    from deepmark.exporter.parity import ParityReport, Tolerances

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(readable=False, path_type=Path)  # checked where it is opened, with exit status 1

EXPORT_EPILOG = """\b
Examples:
  deepmark export model_best.pth --to mnn
  deepmark export model_best.pth --to onnx --to mnn --size 384x256 -o models --images photos
  deepmark export model_best.pth --schema my_landmarks.csv --fixed --zip
"""
VERIFY_EPILOG = """\b
Examples:
  deepmark verify shirt.deepmark
  deepmark verify shirt.deepmark.zip --threads 1 --json
"""
_FORMATS = "; ".join(f"{one.name}: {one.summary}" for one in FORMATS.values())


TOLERANCES = (  # the same for both commands
    click.option("--atol", type=click.FloatRange(0), help="Allowed difference of heads.  [default: 1e-3]"),
    click.option(
        "--rtol", type=click.FloatRange(0), help="The same, relative to the head's largest value.  [default: 5e-4]"
    ),
    click.option(
        "--landmark-tolerance",
        type=click.FloatRange(0),
        help="Allowed difference of landmarks and boxes, in cells.  [default: 0.05]",
    ),
)


def _tolerance_options(command: Command) -> Command:
    for option in reversed(TOLERANCES):
        command = option(command)
    return command


@click.command(epilog=EXPORT_EPILOG)
@click.argument("checkpoint", type=PATH)
@click.option(
    "--to",
    type=click.Choice(list(FORMATS)),
    multiple=True,
    default=("mnn",),
    help=f"Format; may be given several times. {_FORMATS}.  [default: mnn]",
)
@click.option("-o", "--output", metavar="DIR", type=PATH, help="Folder that NAME.deepmark goes to.  [default: .]")
@click.option("--name", help="Name of the model; a bundle of this name is replaced.  [default: the checkpoint's]")
@click.option("--size", metavar="N|HxW", default="256", show_default=True, help="Input size, pixels, multiples of 32.")
@click.option("--dynamic/--fixed", default=True, show_default=True, help="A model for all sizes, or for this one.")
@click.option("--schema", "schema_csv", metavar="CSV", type=PATH, help="Keypoint schema that it was trained with.")
@click.option("--logits", is_flag=True, help="Leave the sigmoid of hm and hm_hp out of the graph.")
@click.option("--simplify/--no-simplify", default=False, show_default=True, help="Run onnxsim on the ONNX model.")
@click.option(
    "--images",
    metavar="DIR",
    type=PATH,
    help="Pictures to compare on; two become part of the bundle.  [default: samples/ beside CHECKPOINT, or our own]",
)
@_tolerance_options
@click.option("--explain", is_flag=True, help="Name the first tensor of the graphs that differs.")
@click.option("--zip", "zip_too", is_flag=True, help="Write NAME.deepmark.zip too.")
@output_options
def export(
    as_json: bool,
    size: str,
    schema_csv: Path | None,
    atol: float | None,
    rtol: float | None,
    landmark_tolerance: float | None,
    **options: Any,
) -> None:
    """Export CHECKPOINT to a bundle, and prove every step equal to the network.

    The bundle is written only if heads and decoded objects agree at every step, on pictures and on noise.

    Exit status: 0 written, 1 an error, 2 a request that makes no sense, 3 a step changed the network.
    """
    from deepmark.exporter.pipeline import export as run_export
    from deepmark.models.schema import KeypointSchema
    from deepmark.models.size import parse_size

    with _report_on_failure(as_json):
        bundle = run_export(
            **options,
            size=parse_size(size),
            schema=KeypointSchema.from_csv(schema_csv) if schema_csv else None,
            tolerances=_tolerances(atol, rtol, landmark_tolerance),
            on_progress=say,
        )
    _show(
        bundle.parity,
        as_json,
        bundle=printable(bundle.path),
        zip=bundle.zip_path and printable(bundle.zip_path),
        finding=bundle.finding,
    )
    if bundle.finding:
        say(bundle.finding)
    say(f"wrote {bundle.path}")


@click.command(epilog=VERIFY_EPILOG)
@click.argument("bundle", type=PATH)
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: all cores, at most 4]")
@_tolerance_options
@output_options
def verify(
    bundle: Path,
    threads: int | None,
    atol: float | None,
    rtol: float | None,
    landmark_tolerance: float | None,
    as_json: bool,
) -> None:
    """Prove BUNDLE on this machine: check its files, run its golden vectors with every engine that is here.

    What the engines give is held against what the network gave when the bundle was made.

    Exit status: 0 equal, 1 the bundle is damaged or no engine is here, 3 the results differ.
    """
    from deepmark.exporter.verify import verify as run_verify

    found = run_verify(bundle, threads=threads, tolerances=_tolerances(atol, rtol, landmark_tolerance))
    for engine in found.skipped:
        say(f"skipped {engine}: not installed here")
    _show(found.report, as_json, bundle=printable(bundle), engines=found.engines, skipped=found.skipped)
    found.report.require(hint="compare versions with the manifest's; export again if this machine's are wanted")


def main() -> None:
    """Run ``deepmark-export``."""
    run(export, "deepmark-export")


def _tolerances(atol: float | None, rtol: float | None, landmark_cells: float | None) -> Tolerances:
    from deepmark.exporter.parity import Tolerances

    given = {"atol": atol, "rtol": rtol, "landmark_cells": landmark_cells}
    return Tolerances(**{name: value for name, value in given.items() if value is not None})


@contextmanager
def _report_on_failure(as_json: bool) -> Iterator[None]:
    """Show the table of a failed parity before its error."""
    from deepmark.exporter.parity import ParityReport

    try:
        yield
    except ParityError as error:
        if isinstance(error.report, ParityReport):
            _show(error.report, as_json, bundle=None)
        raise


def _show(report: ParityReport, as_json: bool, **facts: object) -> None:
    if as_json:
        print_json({"passed": report.passed, "parity": report.hops, **facts})
        return
    from deepmark.exporter.tables import print_report

    print_report(report, title="Parity: largest / mean error, share of what is allowed")
