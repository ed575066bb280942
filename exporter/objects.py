"""Parity of decoded objects: the same objects, in the same cells, with landmarks in the same places.

What is compared, exactly:

* Objects are decoded with the bundle's own parameters, all techniques as they are set, before suppression between
  objects (soft-NMS makes every score depend on every other object, so one object's rounding would be counted many
  times).
* An object that scores at least `SCORE_FLOOR` on either side must have a partner on the other side: the same class in
  the same heatmap cell. The partner may lie below the floor, and beyond ``top_k``: both sides decode twice ``top_k``
  peaks (without technique 4 of each landmark map too), so that neither limit makes an object disappear by rounding.
  Where a map has even more peaks, as untrained weights' may, an object that others crowd out there is a near tie.
* Of partners, every landmark and box corner must be equal within a distance, every final score within
  `SCORE_TOLERANCE`.
* A decoder chooses: one cell is the maximum and its neighbour is not, one peak wins, a value is above 0.1 or is not.
  Two correct computations choose differently where the alternatives lie closer together than their rounding. Only
  there, shown value by value in `deepmark.exporter.near_ties`, a missing partner or a jump is counted as a near tie,
  apart from the errors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepmark.exporter.near_ties import Cell, Slack, centre_is_near_tie, landmark_is_near_tie
from deepmark.runtime.arrays import I64
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads, ReadableHeads
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.provenance import ObjectParity

SCORE_FLOOR = 0.1  # nobody shows weaker objects; the demo network's false alarms in noise score 0.08
SCORE_TOLERANCE = 0.01  # scores are shown with two digits
LANDMARK_CELLS = 0.05  # a fifth of an input pixel


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Decoded objects, best first, and where they come from.

    Attributes:
        detections: objects in cells, before suppression.
        cells: (N, 2) x, y of the heatmap cell that each object was decoded from.
    """

    detections: Detections
    cells: I64

    def by_cell(self) -> dict[Cell, int]:
        """Return the position of the object of each class and cell; a cell gives a class once."""
        classes = self.detections.class_ids
        return {Cell(int(c), int(x), int(y)): i for i, (c, (x, y)) in enumerate(zip(classes, self.cells, strict=True))}

    def above_floor(self, top_k: int) -> set[Cell]:
        """Return where the objects are that must have a partner."""
        scores = self.detections.scores[:top_k]
        return {cell for cell, i in self.by_cell().items() if i < len(scores) and scores[i] >= SCORE_FLOOR}


def _centre_score(expected: Objects, found: Objects, cell: Cell) -> float:
    """Return the centre score of an object that one side has and the other lacks."""
    side = expected if cell in expected.by_cell() else found
    return float(side.detections.box_scores[side.by_cell()[cell]])


def _is_crowded_out(expected: Objects, found: Objects, cell: Cell, *, limit: int, slack: float) -> bool:
    """Tell whether the side that lacks an object has as many others as it may, none weaker than that by the slack."""
    lacking = found if cell in expected.by_cell() else expected
    scores = lacking.detections.box_scores
    return len(scores) >= limit and float(scores.min()) >= _centre_score(expected, found, cell) - slack


def rounded(value: float) -> float:
    """Round a reported figure: people read it, and four digits are more than it is worth."""
    return float(f"{value:.4g}")


def decode_objects(
    heads: ReadableHeads, schema: KeypointSchema, params: DecoderParams, *, maps: Heads | None = None
) -> Objects:
    """Decode as parity does; see the module. ``maps`` are the same heads dense, where that is known already."""
    detections = decode(heads, schema, replace(params, nms=None, score_threshold=0.0, top_k=2 * params.top_k))
    return Objects(detections, _cells(detections, maps or heads.dense()))


def no_objects(schema: KeypointSchema) -> Objects:
    """Return what an empty map gives."""
    channels = head_channels(len(schema.classes), schema.num_groups, optional=())
    empty = Heads(**{name: np.zeros((count, 1, 1), np.float32) for name, count in channels.items()})
    return decode_objects(empty, schema, DecoderParams())


def _cells(detections: Detections, heads: Heads) -> I64:
    """Find the cell of each object: the one whose centre, by ``reg``, is the middle of its box."""
    height, width = heads.hm.shape[1:]
    offset_x, offset_y = heads.reg if heads.reg is not None else (0.5, 0.5)
    centre_x = np.arange(width) + offset_x  # (H, W), or (W,)
    centre_y = np.arange(height)[:, None] + offset_y
    cells = np.empty((len(detections), 2), np.int64)
    for i, (x1, y1, x2, y2) in enumerate(detections.boxes.astype(np.float64)):
        distance = np.abs(centre_x - (x1 + x2) / 2) + np.abs(centre_y - (y1 + y2) / 2)
        y, x = np.unravel_index(int(distance.argmin()), (height, width))
        cells[i] = x, y
    return cells


class ObjectTally:
    """Compares objects picture by picture and adds up what it finds.

    Args:
        schema: keypoint schema.
        params: decoder parameters.
        landmark_cells: distance in cells beyond which a landmark must be a near tie, or is an error.
    """

    def __init__(self, schema: KeypointSchema, params: DecoderParams, landmark_cells: float) -> None:
        self._schema = schema
        self._params = params
        self._limit = landmark_cells
        self._expected = self._matched = self._unexplained = self._landmarks = self._near_ties = 0
        self._errors = dict.fromkeys(("landmark", "box", "score"), 0.0)

    def add(self, expected: Objects, found: Objects, heads: Heads, slack: Slack) -> None:
        """Compare the objects of one picture; ``heads`` are those that near ties are looked up in."""
        before, after = expected.by_cell(), found.by_cell()
        top_k = self._params.top_k
        for cell in sorted(expected.above_floor(top_k) | found.above_floor(top_k)):
            self._expected += 1
            if cell in before and cell in after:
                self._matched += 1
                self._add_pair(expected.detections, before[cell], found.detections, after[cell], cell, heads, slack)
                continue
            tie = centre_is_near_tie(heads, self._params, cell, _centre_score(expected, found, cell), slack)
            if tie or _is_crowded_out(expected, found, cell, limit=2 * top_k, slack=slack["hm"]):
                self._near_ties += 1
            else:
                self._unexplained += 1

    def _add_pair(
        self, expected: Detections, i: int, found: Detections, j: int, cell: Cell, heads: Heads, slack: Slack
    ) -> None:
        self._raise("box", np.abs(expected.boxes[i] - found.boxes[j]).max())
        self._raise("score", abs(expected.scores[i] - found.scores[j]))
        distances = np.linalg.norm(expected.keypoints[i] - found.keypoints[j], axis=1)
        self._landmarks += len(distances)
        for group, distance in zip(self._schema.groups[cell.class_id], distances, strict=True):
            if distance > self._limit and landmark_is_near_tie(heads, self._params, cell, group, slack):
                self._near_ties += 1
            else:
                self._raise("landmark", distance)

    def _raise(self, what: str, error: float) -> None:
        self._errors[what] = max(self._errors[what], float(error))

    def result(self) -> ObjectParity:
        """Return the sums and the largest errors."""
        return ObjectParity(
            expected=self._expected,
            matched=self._matched,
            unexplained=self._unexplained,
            landmarks=self._landmarks,
            near_ties=self._near_ties,
            max_landmark_error=rounded(self._errors["landmark"]),
            max_box_error=rounded(self._errors["box"]),
            max_score_error=rounded(self._errors["score"]),
        )
