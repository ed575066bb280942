"""The figures of an evaluation: over all, per class (Table 7) and per subset (Table 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deepmark.models.datasets.standard import LabelStandard
from deepmark.models.evaluation.coco_figures import coco_figures
from deepmark.models.evaluation.metric import AveragePrecision, ClassEvaluation, ClassMetric, mean
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.truth import KINDS, ClassTruth, Kind, Truth

SUBSETS = {  # attribute -> name of each value, in Table 5's order
    "scale": {1: "small", 2: "moderate", 3: "large"},
    "occlusion": {1: "slight", 2: "medium", 3: "heavy"},
    "zoom_in": {1: "no", 2: "medium", 3: "large"},
    "viewpoint": {1: "no wear", 2: "frontal", 3: "side or back"},
}


class SubsetName(NamedTuple):
    """One value of an attribute: its number in the annotations and its name in Table 5."""

    attribute: str
    number: int
    value: str


OVERALL = SubsetName("all", 0, "overall")
SUBSET_NAMES = (
    OVERALL,
    *(SubsetName(attribute, number, name) for attribute, values in SUBSETS.items() for number, name in values.items()),
)


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """One class, a row of Table 7.

    Attributes:
        name: name of the class.
        items: number of its items in the data set.
        detections: number of its detections; of both files, where landmarks and boxes come from two.
        points: average precision of landmarks; None where the data set has none of it to be found, or they are not
            measured.
        boxes: average precision of boxes; None where the data set has none of it to be found, or they are not measured.
    """

    name: str
    items: int
    detections: int
    points: AveragePrecision | None
    boxes: AveragePrecision | None


@dataclass(frozen=True, slots=True)
class SubsetAccuracy:
    """One subset, a column of Table 5: the items of one value of an attribute, all others ignored.

    Attributes:
        attribute: name of the attribute, for example ``"scale"``.
        value: name of the value, for example ``"small"``.
        items: number of items in it.
        points: mAP of visible and occluded landmarks; None for an empty subset.
        points_visible: mAP of visible landmarks only; None for an empty subset.
        boxes: mAP of boxes; None for an empty subset.
    """

    attribute: str
    value: str
    items: int
    points: AveragePrecision | None
    points_visible: AveragePrecision | None
    boxes: AveragePrecision | None


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """The figures.

    Attributes:
        standard: rules that the labels follow, whose metric this is.
        pictures: number of pictures that were evaluated.
        items: number of items in them.
        detections: number of detections in them.
        kinds: kinds of what was measured: ``"keypoints"``, ``"bbox"`` or both.
        visible_only: whether ``map_pt`` and ``classes`` leave occluded landmarks out.
        map_pt: mAP of landmarks over the classes that are in the data set; None where there is none, or not measured.
        map_box: mAP of boxes over the classes that are in the data set; None where there is none, or not measured.
        classes: one row per class.
        subsets: one column per subset; empty unless asked for.
        overall: the column "overall" of Table 5, with both rows; None unless subsets were asked for.
        coco: COCO's figures of each kind that was measured, by name, see `coco_figures`; None for a size without
            items. Empty unless labels follow COCO's rules.
    """

    standard: LabelStandard
    pictures: int
    items: int
    detections: int
    kinds: tuple[Kind, ...]
    visible_only: bool
    map_pt: AveragePrecision | None
    map_box: AveragePrecision | None
    classes: tuple[ClassAccuracy, ...]
    subsets: tuple[SubsetAccuracy, ...]
    overall: SubsetAccuracy | None
    coco: dict[Kind, dict[str, float | None]]


def measure(
    truth: Truth,
    results: Sequence[ClassResults],
    *,
    kinds: Sequence[Kind] | None = None,
    box_results: Sequence[ClassResults] | None = None,
    visible_only: bool = False,
    subsets: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> AccuracyReport:
    """Hold detections against the truth.

    Args:
        truth: items to be found.
        results: detections, one entry per class.
        kinds: kinds of what to measure, landmarks or boxes; None for all that is labelled.
        box_results: detections whose boxes are measured; None for those whose landmarks are.
        visible_only: whether to leave occluded landmarks out (the paper's .507 instead of .445).
        subsets: whether to evaluate Table 5's subsets too, with both kinds of landmarks.
        advance: function called after each of `steps` steps.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    rows = []
    for index, (expected, found) in enumerate(zip(truth.classes, results, strict=True)):
        metrics = dict.fromkeys(kinds or truth.kinds, ClassMetric(found, expected.image_ids, index, truth.schema))
        count = len(found)
        if box_results is not None:
            metrics["bbox"] = ClassMetric(box_results[index], expected.image_ids, index, truth.schema)
            count += len(box_results[index])
        rows.append(_class_row(metrics, truth, index, count, visible_only=visible_only, subsets=subsets))
        advance()
    classes = tuple(row.accuracy for row in rows)
    measured = tuple(kind for kind in KINDS if kind in metrics)
    parts = [_subset(name, [row.subsets[name] for row in rows]) for name in (SUBSET_NAMES if subsets else ())]
    return AccuracyReport(
        standard=truth.standard,
        pictures=len(truth.image_ids),
        items=sum(one.items for one in classes),
        detections=sum(one.detections for one in classes),
        kinds=measured,
        visible_only=visible_only,
        map_pt=mean(one.points for one in classes),
        map_box=mean(one.boxes for one in classes),
        classes=classes,
        subsets=tuple(parts[1:]),
        overall=parts[0] if parts else None,
        coco={kind: coco_figures(kind, [row.evaluations[kind] for row in rows]) for kind in measured}
        if truth.standard.name == "COCO"
        else {},
    )


def steps(truth: Truth) -> int:
    """Tell how often `measure` calls ``advance``."""
    return len(truth.classes)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one class adds to a subset."""

    items: int
    points: AveragePrecision | None
    points_visible: AveragePrecision | None
    boxes: AveragePrecision | None


@dataclass(frozen=True, slots=True)
class _ClassRow:
    accuracy: ClassAccuracy
    evaluations: dict[Kind, ClassEvaluation]
    subsets: dict[SubsetName, _Part]


def _class_row(
    metrics: Mapping[Kind, ClassMetric],
    truth: Truth,
    index: int,
    detections: int,
    *,
    visible_only: bool,
    subsets: bool,
) -> _ClassRow:
    """Measure a class in every way that is asked for, while its detections are loaded."""
    items = truth.classes[index]
    evaluations = _evaluate(metrics, items.visible_only() if visible_only else items, KINDS)
    average = _averages(evaluations)
    accuracy = ClassAccuracy(
        name=truth.schema.class_names[index],
        items=_count(items),
        detections=detections,
        points=average["keypoints"],
        boxes=average["bbox"],
    )
    names = SUBSET_NAMES if subsets else ()
    chosen = {name: items if name == OVERALL else items.only(name.attribute, name.number) for name in names}
    both = {name: _averages(_evaluate(metrics, one, KINDS)) for name, one in chosen.items()}
    visible = {name: _averages(_evaluate(metrics, one.visible_only(), ("keypoints",))) for name, one in chosen.items()}
    parts = {
        name: _Part(_count(one), both[name]["keypoints"], visible[name]["keypoints"], both[name]["bbox"])
        for name, one in chosen.items()
    }
    return _ClassRow(accuracy, evaluations, parts)


def _evaluate(
    metrics: Mapping[Kind, ClassMetric], items: ClassTruth, kinds: Sequence[Kind]
) -> dict[Kind, ClassEvaluation]:
    """Evaluate each of these kinds that is measured."""
    found: dict[Kind, ClassEvaluation] = {}
    for metric in dict.fromkeys(metrics.values()):  # one alone, where landmarks and boxes are of the same detections
        own = [kind for kind in kinds if metrics.get(kind) is metric]
        found |= metric.evaluate(items, own) if own else {}
    return found


def _averages(evaluations: Mapping[Kind, ClassEvaluation]) -> dict[Kind, AveragePrecision | None]:
    """Give the average precision of each kind; None of those that are not measured."""
    return {kind: evaluations[kind].average if kind in evaluations else None for kind in KINDS}


def _count(items: ClassTruth) -> int:
    return int(np.count_nonzero(~items.ignored))


def _subset(name: SubsetName, parts: Sequence[_Part]) -> SubsetAccuracy:
    return SubsetAccuracy(
        attribute=name.attribute,
        value=name.value,
        items=sum(one.items for one in parts),
        points=mean(one.points for one in parts),
        points_visible=mean(one.points_visible for one in parts),
        boxes=mean(one.boxes for one in parts),
    )
