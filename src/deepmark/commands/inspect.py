"""``deepmark inspect``: what is in this checkpoint, and what does it cost? What would MNN make of this ONNX file?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepmark.commands.options import PATH, dcn_mask_option, output_options
from deepmark.console import print_json, print_table, say
from deepmark.errors import ConversionError, UsageError
from deepmark.extras import require

if TYPE_CHECKING:
    from deepmark.exporter.onnx_inspection import OnnxInspection
    from deepmark.exporter.operators.back_ends import Processor
    from deepmark.models.inspection import Inspection
    from deepmark.models.recognition.deformed import MaskFactor

EPILOG = """\b
Examples:
  deepmark inspect model_best.pth
  deepmark inspect model_best.pth --schema my_landmarks.csv
  deepmark inspect model_best.pth --size 256 --size 384x256 --json
  deepmark inspect model_best.pth --table 6
  deepmark inspect any_network.onnx
  deepmark inspect shirt.deepmark/model.onnx --for hiai
"""

MOST_NAMED = 4  # nodes that a back end lacks
_PART = re.compile(r"(.*?)\.(?:\d+\.)?(?:conv\.)?[a-z_]+$")  # of a tensor's name, without layer and kind
_SWAP = (
    "An export keeps the deformable convolutions, exactly. Plain ones in their place are wrong without training: the"
    " kernels were trained on moved and weighted samples. deepmark train --init CHECKPOINT trains mDLA-34 from these"
    " weights, the paper's way."
)


@click.command("inspect", epilog=EPILOG)
@click.argument("checkpoint", metavar="CHECKPOINT|MODEL.onnx", type=PATH)
@click.option(
    "--schema",
    "schema_csv",
    metavar="CSV",
    type=PATH,
    help="Keypoint schema of the checkpoint.",
)
@click.option(
    "--size",
    "sizes",
    metavar="N|HxW",
    multiple=True,
    help="Input size to count operations for.  [default: 128 256 512]",
)
@dcn_mask_option
@click.option("--table", type=click.Choice(["6"]), help="Print this table of the paper for the network instead.")
@click.option(
    "--for",
    "processor",
    type=click.Choice(["opencl", "vulkan", "hiai", "nnapi"]),
    help="Tell which operators of MODEL.onnx MNN's back ends for this processor have and lack.",
)
@output_options
def command(
    checkpoint: Path,
    schema_csv: Path | None,
    sizes: tuple[str, ...],
    dcn_mask: MaskFactor | None,
    table: str | None,
    processor: Processor | None,
    as_json: bool,
) -> None:
    """Tell what network CHECKPOINT holds, and what it costs; or what MNN would make of MODEL.onnx.

    Prints the variant, heads, classes, landmark groups, parameters, unused tensors, and the multiply-adds by part, with
    the convention named. A checkpoint that cannot be exported faithfully is refused with the reason and the remedy.

    MODEL.onnx may be any ONNX file: every node that MNN computes wrongly, crashes on or does not know is named, with
    what happens and the way out (docs/mnn-operators.md); so is what depends on the data that the network will meet.

    --for tells of one processor what its back ends in MNN have of it, from a table (docs/phone-gpu.md); OpenCL has two.
    HiAI and NNAPI are those of phones' neural processors, and nothing here can compute on them (docs/phone.md).

    Exit status: 0 it can be exported, 1 it cannot, or --for found no back end that has every operator.
    """
    if checkpoint.suffix.lower() == ".onnx":
        if schema_csv or sizes or dcn_mask or table:
            raise UsageError(
                "--schema, --size, --dcn-mask and --table are for checkpoints", hint="deepmark inspect --help"
            )
        _inspect_onnx(checkpoint, processor, as_json=as_json)
        return
    if processor:
        raise UsageError(
            f"--for is for ONNX files, such as a bundle's model.onnx, found {checkpoint.name}",
            hint="deepmark export CHECKPOINT --to onnx makes one",
        )
    require("inspecting a checkpoint", "torch", extra="export")
    from deepmark.models.inspection import inspect_checkpoint
    from deepmark.models.size import parse_size
    from deepmark.runtime.keypoints.schema import KeypointSchema

    sizes_hw = [parse_size(text) for text in sizes]
    schema = KeypointSchema.from_csv(schema_csv) if schema_csv else None
    inspection = inspect_checkpoint(checkpoint, schema=schema, sizes=sizes_hw, dcn_mask=dcn_mask)
    if table and not inspection.table6:
        raise UsageError(
            f"Table {table} of the paper is of mDLA-34, and this is {inspection.report.architecture}",
            hint="leave --table out to count it",
        )
    if as_json:
        print_json(inspection)
    elif table:
        _print_table6(inspection)
    else:
        _print_report(inspection)
        _print_costs(inspection)


def _inspect_onnx(path: Path, processor: Processor | None, *, as_json: bool) -> None:
    require("inspecting an ONNX file", "onnx", extra="export")
    from deepmark.exporter.onnx_inspection import inspect_onnx

    inspection = inspect_onnx(path, processor)
    if as_json:
        print_json(inspection)
    else:
        _print_faults(inspection)
        _print_back_ends(inspection)
    if inspection.refused:
        raise ConversionError(
            f"MNN would get {path.name} wrong (faults: {len(inspection.refused)})",
            stage="onnx -> mnn",
            hint=inspection.refused[0].way_out,
        )
    if inspection.back_ends and all(one.lacking or one.unknown for one in inspection.back_ends):
        raise ConversionError(
            f"{inspection.back_ends[0].back_end} does not have all of {path.name}",
            stage="mnn",
            hint="deepmark export --for gpu writes depthwise deconvolutions as convolutions; deformable convolutions"
            " are GridSample, which only OpenCL and Vulkan have",
        )


def _print_faults(inspection: OnnxInspection) -> None:
    nodes = sum(inspection.operators.values())
    counts = ", ".join(f"{name} {count}" for name, count in inspection.operators.items())
    say(f"{inspection.file}: opset {inspection.opset}, {nodes} nodes: {counts}")
    for one in inspection.faults:
        where = f"{one.node} ({one.operator})" if one.operator else "the file"
        verdict = "WRONG" if one.certain else "depends on the data"
        say(f"{where}: {verdict}: {one.when}: {one.happens} (rule {one.rule}); the way out: {one.way_out}")
    if not inspection.faults:
        say("MNN gets every operator right, as far as is known (docs/mnn-operators.md)")
    if inspection.fp16:
        say(f"not with --precision fp16: {inspection.fp16}")


def _print_back_ends(inspection: OnnxInspection) -> None:
    for one in inspection.back_ends:
        say(one.sentence())
        for operator, nodes in {**one.lacking, **one.unknown}.items():
            more = f" and {len(nodes) - MOST_NAMED} more" if len(nodes) > MOST_NAMED else ""
            say(f"  {operator}: {', '.join(nodes[:MOST_NAMED])}{more}")
        for note in one.notes:
            say(f"  {note}")


def _print_report(inspection: Inspection) -> None:
    report = inspection.report
    unused = Counter(_PART.sub(r"\1", name) for name in report.unused)
    facts = {
        "file": f"{report.file} ({report.container}, {report.dtype})",
        "sha256": report.sha256,
        "network": report.architecture,
        "variant": f"{report.variant}: {report.explanation}",
        "classes": str(report.classes),
        "landmark groups": str(report.groups),
        "schema": inspection.schema or "none built in with these counts: give --schema to export",
        "heads": ", ".join(f"{name} {channels}" for name, channels in report.heads.items()),
        "head_conv": str(report.head_conv),
        "input": f"height and width multiples of {inspection.multiple}",
        "parameters": f"{report.parameters:,}",
        "unused tensors": ", ".join(f"{part}.* ({count})" for part, count in unused.items()) or "none",
        "besides weights": ", ".join(report.besides) or "nothing",
    }
    print_table(("", ""), facts.items())


def _print_costs(inspection: Inspection) -> None:
    costs = inspection.costs
    for convention, meaning in inspection.conventions.items():
        columns = [{**cost.parts, "total": cost.total} for cost in costs]
        rows = [
            (name, f"{part.parameters:,}", *(_giga(getattr(column[name], convention)) for column in columns))
            for name, part in columns[0].items()
        ]
        say(f"\nBillions for one image, {meaning}:")
        print_table(("part", "parameters", *(f"{cost.height}x{cost.width}" for cost in costs)), rows)
    if costs[0].total.samples:
        counts = ", ".join(f"{cost.total.samples:,} at {cost.height}x{cost.width}" for cost in costs)
        say(f"\nBeside that, samples of the deformable convolutions, 5 multiply-adds each: {counts}")
        say(_SWAP)


def _print_table6(inspection: Inspection) -> None:
    rows = []
    for row in inspection.table6:
        columns = (row.inference, row.gaussian, row.other_techniques, row.decode, row.total)
        rows.append((f"{row.height}x{row.width}", *map(_giga, columns)))
    say("Table 6: billions of operations for one image, as the paper counts them")
    print_table(("input", "model inference", "technique 2", "techniques 1, 3, 4", "decode", "total"), rows)
    say("Technique 2 is what the paper counts for its techniques; the next two columns are our decoder's, at most.")


def _giga(operations: int) -> str:
    return f"{operations / 1e9:.5f}"
