"""The figures of an evaluation: over all, per class (Table 7) and per subset (Table 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.benchmarks.accuracy.metric import AveragePrecision, class_precision, mean
from deepmark.benchmarks.accuracy.results import ClassResults
from deepmark.benchmarks.accuracy.truth import Truth

SUBSETS = {  # attribute -> name of each value, in Table 5's order
    "scale": {1: "small", 2: "moderate", 3: "large"},
    "occlusion": {1: "slight", 2: "medium", 3: "heavy"},
    "zoom_in": {1: "no", 2: "medium", 3: "large"},
    "viewpoint": {1: "no wear", 2: "frontal", 3: "side or back"},
}


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """One class, a row of Table 7.

    Attributes:
        name: of the class.
        items: of it in the data set.
        detections: of it.
        points: landmarks; None where the data set has none of it to be found.
        boxes: likewise.
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
        attribute: for example ``"scale"``.
        value: for example ``"small"``.
        items: in it.
        points: visible and occluded landmarks; None for an empty subset.
        points_visible: visible landmarks only.
        boxes: boxes.
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
        pictures: evaluated.
        items: in them.
        detections: in them.
        visible_only: whether ``map_pt`` and ``classes`` leave occluded landmarks out.
        map_pt: mAP of landmarks over the classes that are in the data set; None where there is none.
        map_box: likewise of boxes.
        classes: one row per class.
        subsets: empty unless asked for.
        overall: the column "overall" of Table 5, with both rows; None unless subsets were asked for.
    """

    pictures: int
    items: int
    detections: int
    visible_only: bool
    map_pt: AveragePrecision | None
    map_box: AveragePrecision | None
    classes: tuple[ClassAccuracy, ...]
    subsets: tuple[SubsetAccuracy, ...]
    overall: SubsetAccuracy | None


def measure(
    truth: Truth,
    results: Sequence[ClassResults],
    *,
    visible_only: bool = False,
    subsets: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> AccuracyReport:
    """Hold detections against the truth.

    Args:
        truth: what is to be found.
        results: what was found, one entry per class.
        visible_only: leave occluded landmarks out (the paper's .507 instead of .445).
        subsets: evaluate Table 5's subsets too, with both kinds of landmarks.
        advance: called after each of `steps` steps.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    classes = _classes(truth, results, visible_only=visible_only)
    advance()
    parts: list[SubsetAccuracy] = []
    whole = None
    if subsets:
        whole = _subset(truth, results, "all", "overall")
        advance()
        for attribute, values in SUBSETS.items():
            for value, name in values.items():
                chosen = tuple(one.only(attribute, value) for one in truth.classes)
                parts.append(_subset(Truth(truth.schema, truth.image_ids, chosen), results, attribute, name))
                advance()
    return AccuracyReport(
        pictures=len(truth.image_ids),
        items=sum(one.items for one in classes),
        detections=sum(one.detections for one in classes),
        visible_only=visible_only,
        map_pt=mean(one.points for one in classes),
        map_box=mean(one.boxes for one in classes),
        classes=classes,
        subsets=tuple(parts),
        overall=whole,
    )


def steps(*, subsets: bool) -> int:
    """Tell how often `measure` calls ``advance``."""
    return 1 + (1 + sum(map(len, SUBSETS.values())) if subsets else 0)


def _classes(truth: Truth, results: Sequence[ClassResults], *, visible_only: bool) -> tuple[ClassAccuracy, ...]:
    rows = []
    for index, (expected, found) in enumerate(zip(truth.classes, results, strict=True)):
        chosen = expected.visible_only() if visible_only else expected
        precision = class_precision(chosen, found, index, truth.schema, ("keypoints", "bbox"))
        rows.append(
            ClassAccuracy(
                name=truth.schema.class_names[index],
                items=int(np.count_nonzero(~expected.ignored)),
                detections=len(found),
                points=precision["keypoints"],
                boxes=precision["bbox"],
            )
        )
    return tuple(rows)


def _subset(truth: Truth, results: Sequence[ClassResults], attribute: str, value: str) -> SubsetAccuracy:
    occluded_too = _classes(truth, results, visible_only=False)
    visible = [
        class_precision(expected.visible_only(), found, index, truth.schema, ("keypoints",))["keypoints"]
        for index, (expected, found) in enumerate(zip(truth.classes, results, strict=True))
    ]
    return SubsetAccuracy(
        attribute=attribute,
        value=value,
        items=sum(one.items for one in occluded_too),
        points=mean(one.points for one in occluded_too),
        points_visible=mean(visible),
        boxes=mean(one.boxes for one in occluded_too),
    )
