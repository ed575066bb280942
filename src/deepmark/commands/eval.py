"""``deepmark eval``: DeepFashion2's or COCO's figures for a model, or for detections made anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deepmark.commands.options import (
    READABLE,
    TechniquesType,
    faults_options,
    flip_option,
    labels_options,
    model_run_options,
    output_options,
    refine_options,
    refiner_request,
    scales_options,
)
from deepmark.console import print_json, progress

EPILOG = """\b
Examples:
  deepmark eval shirt.deepmark --images validation --annotations validation
  deepmark eval shirt.deepmark --images drawings --annotations drawings --subsets --save found.json
  deepmark eval shirt.deepmark --images val.zip --annotations val.zip --password-file password.txt
  deepmark eval shirt.deepmark --images drawings --annotations drawings --techniques 1,3 --json
  deepmark eval shirt.deepmark --images drawings --annotations drawings --workers 8 --table 2
  deepmark eval shirt.deepmark --images drawings --annotations drawings --flip --scales .85,.95,1,1.1
  deepmark eval shirt.deepmark --images drawings --annotations drawings --fit rect
  deepmark eval shirt.deepmark --images drawings --annotations drawings --dask tcp://127.0.0.1:8786
  deepmark eval shirt.deepmark --images drawings --annotations drawings --strategies
  deepmark eval model_best.pth --size 256 --images drawings --annotations drawings
  deepmark eval shirt.deepmark --images drawings --annotations drawings --report accuracy.html
  deepmark eval shirt.deepmark --images drawings --annotations drawings --refine shirt-refiner.deepmark
  deepmark eval --detections found.json --annotations val-coco_style.json --visible-only
  deepmark eval --detections keypoints.json --detections boxes.json --annotations val-coco_style.json
  deepmark eval person.deepmark --images val2017 --annotations person_keypoints_val2017.json
  deepmark eval --detections results.json --annotations instances_val2017.json
"""


@click.command("eval", epilog=EPILOG)
@click.argument("model", type=READABLE, required=False)
@labels_options(images_required=False)
@click.option(
    "--detections",
    metavar="FILE",
    type=READABLE,
    multiple=True,
    help="Detections in COCO's result format, instead of MODEL: landmarks, boxes or both; twice for one file of each.",
)
@faults_options
@click.option("--visible-only", is_flag=True, help="Leave occluded landmarks out of the metric.")
@click.option("--subsets", is_flag=True, help="Evaluate by scale, occlusion, zoom-in and viewpoint too.")
@click.option(
    "--techniques",
    metavar="all|none|1,2,3,4",
    type=TechniquesType(),
    help="The paper's techniques to decode with.  [default: as in the model]",
)
@click.option("--save", metavar="FILE", type=READABLE, help="Write the detections in COCO's result format.")
@click.option(
    "--table", type=click.Choice(["2"]), help="Make this table of the paper too; 2: each technique by itself, and all."
)
@click.option(
    "--strategies",
    is_flag=True,
    help="Show what each of the paper's strategies adds, from plain decoding on, and the time that it takes.",
)
@click.option(
    "--report", "page", metavar="FILE.html", type=READABLE, help="Write a page with tables, curves and pictures."
)
@flip_option
@scales_options
@refine_options
@model_run_options
@output_options
def command(
    *,
    model: Path | None,
    detections: tuple[Path, ...],
    visible_only: bool,
    subsets: bool,
    techniques: frozenset[int] | None,
    save: Path | None,
    table: str | None,
    strategies: bool,
    page: Path | None,
    refine: tuple[Path, ...],
    refine_flip: bool,
    refine_nms: float | None,
    as_json: bool,
    **data: Any,
) -> None:
    """Measure MODEL on a data set in DeepFashion2's or COCO's format: mAP of landmarks and of boxes, by class.

    MODEL is a bundle folder, a bundle zip (.deepmark.zip), a bare .mnn or .onnx file, or a checkpoint, which is run
    by torch. With --detections no model is run: the file holds what some model found, in the official formats: a JSON
    list of {image_id, category_id, score} with keypoints (x, y, v of all 294 landmarks; they give mAP_pt), with bbox
    (x, y, width, height; they give mAP_box), or with both. Landmarks of other classes than category_id count where a
    garment has none that is labelled, as in the official code.

    Labels of COCO's own, person_keypoints_*.json and instances_*.json, are measured by COCO's rules: areas of outlines,
    crowds, its ten figures for keypoints and twelve for boxes. Result files have 17 landmarks, and COCO's numbers of
    categories.

    mAP is the mean over the classes that occur in the data set. A subset ignores the garments outside it: what finds
    them is neither right nor wrong.

    What the network says of each picture is kept in a cache, without loss: after an interruption the same command goes
    on where it was, and another one on the same pictures, with other techniques for example, does not run the network.
    """
    from deepmark.models.evaluation.dataset_request import DatasetRequest
    from deepmark.models.evaluation.model_accuracy import AccuracyRequest, measure_accuracy
    from deepmark.models.evaluation.report_tables import print_report, print_strategies, print_table2

    request = AccuracyRequest(
        model=model,
        detections=detections,
        data=DatasetRequest(**data),
        visible_only=visible_only,
        subsets=subsets,
        techniques=techniques,
        save=save,
        table2=table is not None,
        strategies=strategies,
        page=page,
        refine=refiner_request(refine, refine_flip=refine_flip, refine_nms=refine_nms),
    )
    found = measure_accuracy(request, progress)
    if as_json:
        print_json(found.document())
        return
    print_report(found.report, found.faults)
    if found.table2:
        print_table2(found.table2)
    if found.strategies:
        print_strategies(found.strategies)
