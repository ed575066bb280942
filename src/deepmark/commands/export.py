"""``deepmark export``: a checkpoint becomes a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.commands.bundle_options import bundle_options, zip_option
from deepmark.commands.click_program import run
from deepmark.commands.options import PATH, dcn_mask_option, output_options, tolerance_options, tolerances_of
from deepmark.console import print_json, say
from deepmark.errors import ParityError, UsageError
from deepmark.exporter.formats import DCN_FORMS, DEFAULT_DCN, DEFAULT_TARGET, FORMATS, PRECISIONS, TARGETS
from deepmark.files import printable
from deepmark.runtime.input_fit import DEFAULT_FIT, FITS
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT, LAYOUTS

if TYPE_CHECKING:
    from deepmark.exporter.parity import ParityReport
    from deepmark.exporter.precision.plan import Limits
    from deepmark.runtime.keypoints.schema import KeypointSchema
    from deepmark.runtime.provenance import PrecisionLoss

EPILOG = """\b
Examples:
  deepmark export model_best.pth --to mnn
  deepmark export model_best.pth --to onnx --to mnn --size 384x256 -o models --images photos
  deepmark export model_best.pth --heads sparse
  deepmark export model_best.pth --fit rect
  deepmark export model_best.pth --for gpu
  deepmark export model_best.pth --schema my_landmarks.csv --fixed --zip
  deepmark export model_best.pth --precision w8 --max-map-drop .005
  deepmark export model_best.pth --precision int8 --calibration photos --keep-float hm
  deepmark export model_best.pth --precision int8 --calibration photos --sensitivity
"""
_FORMATS = "; ".join(f"{one.name}: {one.summary}" for one in FORMATS.values())
_PRECISIONS = "; ".join(f"{one.name}: {one.summary}" for one in PRECISIONS.values())
_DCN_FORMS = "; ".join(f"{name}: {summary}" for name, summary in DCN_FORMS.items())
_TARGETS = "; ".join(f"{name}: {summary}" for name, summary in TARGETS.items())
_LAYOUTS = "; ".join(f"{name}: {summary}" for name, summary in LAYOUTS.items())


@click.command("export", epilog=EPILOG)
@bundle_options(f"Format; may be given several times. {_FORMATS}.")
@click.option(
    "--size",
    metavar="N|HxW",
    default="256",
    show_default=True,
    help="Input size, pixels, multiples of 32; of 128 for an hourglass. Pictures lie whole in it, also where it is not"
    " square.",
)
@click.option(
    "--dynamic/--fixed", default=True, show_default=True, help="Model for all input sizes, or for --size alone."
)
@click.option(
    "--fit",
    type=click.Choice(FITS),
    help="Input that the bundle asks for. square: --size for every picture; rect: each picture's own shape, --size for"
    f" its longer side. Programs can be told otherwise.  [default: {DEFAULT_FIT}]",
)
@click.option(
    "--heads",
    type=click.Choice(list(LAYOUTS)),
    default=DEFAULT_LAYOUT,
    show_default=True,
    help=f"Outputs of the graph. {_LAYOUTS}.",
)
@click.option(
    "--dcn",
    type=click.Choice(list(DCN_FORMS)),
    default=DEFAULT_DCN,
    show_default=True,
    help=f"Deformable convolutions in the ONNX file. {_DCN_FORMS}. MNN's model never has them.",
)
@click.option(
    "--for",
    "target",
    type=click.Choice(list(TARGETS)),
    default=DEFAULT_TARGET,
    show_default=True,
    help=f"Processor that MNN's model is written for. {_TARGETS}.",
)
@click.option(
    "--precision",
    type=click.Choice(list(PRECISIONS)),
    default="fp32",
    show_default=True,
    help=f"Precision of the MNN model. {_PRECISIONS}. All but fp32 are for mnn.",
)
@click.option(
    "--calibration",
    metavar="DIR",
    type=PATH,
    help="Pictures like those the model will see, 32 or more, for int8.  [default: drawings]",
)
@click.option(
    "--keep-float",
    metavar="LAYER",
    multiple=True,
    help="Layer or module to leave out of int8; may be given several times.",
)
@click.option(
    "--min-kept", metavar="SHARE", type=float, help="Share of fp32's objects that a precision must keep.  [default: .9]"
)
@click.option("--max-map-drop", metavar="X", type=float, help="mAP that a precision may lose on 500 drawings.")
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Write nothing, but tell what each layer costs in int8, or each below --keep-float.",
)
@click.option(
    "--schema", "schema_csv", metavar="CSV", type=PATH, help="Keypoint schema that the checkpoint was trained with."
)
@dcn_mask_option
@click.option("--logits", is_flag=True, help="Leave the sigmoid of hm and hm_hp out of the graph.")
@click.option("--simplify/--no-simplify", default=False, show_default=True, help="Run onnxsim on the ONNX model.")
@click.option(
    "--images",
    metavar="DIR",
    type=PATH,
    help="Pictures to compare on; two become part of the bundle.  [default: samples/ beside CHECKPOINT, or our own]",
)
@tolerance_options
@click.option("--explain", is_flag=True, help="Name the first tensor of the graphs that differs.")
@zip_option
@output_options
def command(
    *,
    as_json: bool,
    size: str,
    schema_csv: Path | None,
    atol: float | None,
    rtol: float | None,
    landmark_tolerance: float | None,
    min_kept: float | None,
    max_map_drop: float | None,
    sensitivity: bool,
    **options: Any,
) -> None:
    """Export CHECKPOINT to a bundle, and prove every step equal to the network.

    The bundle is written only if heads and decoded objects agree at every step, on pictures and on noise. A precision
    of less than fp32 is then held against fp32: by the objects that it keeps, and by mAP if --max-map-drop is given.

    Exit status: 0 written, 1 an error, 2 a request that makes no sense, 3 a step changed the network, or the precision
    costs too much.
    """
    from deepmark.exporter.pipeline import export
    from deepmark.models.size import parse_size
    from deepmark.runtime.keypoints.schema import KeypointSchema

    schema = KeypointSchema.from_csv(schema_csv) if schema_csv else None
    if sensitivity:
        _measure_sensitivity(options, parse_size(size), schema, as_json=as_json)
        return
    limits = _limits(min_kept, max_map_drop)
    with _report_on_failure(as_json, precision=options["precision"], min_kept=limits.min_kept):
        bundle = export(
            **options,
            size=parse_size(size),
            schema=schema,
            tolerances=tolerances_of(atol, rtol, landmark_tolerance),
            limits=limits,
            on_progress=say,
        )
    quantisation = bundle.manifest.quantisation
    _show(
        bundle.parity,
        as_json,
        bundle=printable(bundle.path),
        zip=bundle.zip_path and printable(bundle.zip_path),
        finding=bundle.finding,
        precision=bundle.manifest.precision,
        quantisation=quantisation,
    )
    if quantisation and not as_json:
        _show_loss(quantisation.loss, precision=bundle.manifest.precision, min_kept=limits.min_kept)
    if bundle.finding:
        say(bundle.finding)
    say(f"wrote {bundle.path}")


def _limits(min_kept: float | None, max_map_drop: float | None) -> Limits:
    from deepmark.exporter.precision.plan import MIN_KEPT, Limits

    return Limits(min_kept=MIN_KEPT if min_kept is None else min_kept, max_map_drop=max_map_drop)


def _measure_sensitivity(
    options: dict[str, Any], size: tuple[int, int], schema: KeypointSchema | None, *, as_json: bool
) -> None:
    """Measure what layers cost and print it."""
    from deepmark.exporter.precision.sensitivity import measure_sensitivity
    from deepmark.exporter.tables import print_sensitivity

    if options["precision"] != "int8":
        raise UsageError("--sensitivity tells what layers cost in int8", hint="add --precision int8")
    found = measure_sensitivity(
        options["checkpoint"],
        size=size,
        schema=schema,
        dcn_mask=options["dcn_mask"],
        heads=options["heads"],
        calibration=options["calibration"],
        only=options["keep_float"],
        on_progress=say,
    )
    if as_json:
        print_json(found)
    else:
        print_sensitivity(found)


@contextmanager
def _report_on_failure(as_json: bool, *, precision: str, min_kept: float) -> Iterator[None]:
    """Show the table of a failed parity before its error."""
    from deepmark.exporter.parity import ParityReport
    from deepmark.runtime.provenance import PrecisionLoss

    try:
        yield
    except ParityError as error:
        if isinstance(error.report, ParityReport):
            _show(error.report, as_json, bundle=None)
        elif isinstance(error.report, PrecisionLoss) and as_json:
            print_json({"passed": False, "precision": precision, "loss": error.report, "bundle": None})
        elif isinstance(error.report, PrecisionLoss):
            _show_loss(error.report, precision=precision, min_kept=min_kept)
        raise


def _show_loss(loss: PrecisionLoss, *, precision: str, min_kept: float) -> None:
    from deepmark.exporter.tables import print_loss

    print_loss(loss, precision=precision, min_kept=min_kept)


def _show(report: ParityReport, as_json: bool, **facts: object) -> None:
    if as_json:
        print_json({"passed": report.passed, "parity": report.hops, **facts})
        return
    from deepmark.exporter.tables import print_report

    print_report(report)


def main() -> None:
    """Run ``deepmark-export``."""
    run(command, "deepmark-export")
