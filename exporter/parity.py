"""Prove that two stages of the chain are equal: every head of every picture, and what is decoded from them.

Pure NumPy: ``deepmark verify`` does this on machines that have neither torch nor onnx. What is held against what:

* heads, and the features of a sparse graph: ``|difference| <= atol + rtol * scale`` for every single value as the
  graphs give it, where ``scale`` is the tensor's largest absolute value in the picture. Float errors grow with the
  terms of a sum, not with its result: an offset of 0.1 cells beside one of 18 comes from the same convolution and
  carries the same rounding. Heads that a sparse graph leaves to the runtime are computed by it at every cell;
* objects: see `deepmark.exporter.objects`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.errors import ParityError, UsageError
from deepmark.exporter.near_ties import Slack
from deepmark.exporter.objects import LANDMARK_CELLS, SCORE_TOLERANCE, Objects, ObjectTally, rounded
from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import PROBABILITY_HEADS, Heads
from deepmark.runtime.keypoints.head_names import FEATURES
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import HeadsSpec
from deepmark.runtime.provenance import HeadParity, HopParity, ObjectParity

# Two correct float32 runs of the demo network differ by 4e-5 cells (ONNX Runtime) to 5e-3 cells (MNN, whose Winograd
# convolutions round up to 1.7e-4 of the scale, depending on the input's size: decision 5 in docs/decisions has the
# table). The smallest fault of a converter that we know of, a transposed deconvolution, moves heads by whole cells.
ATOL = 1e-3  # a thousandth of a probability, or of a cell: 0.03 pixels of a 2000-pixel picture at 256x256
RTOL = 5e-4  # at a scale of 18 cells, 0.01 cells: a fifth of what decoded landmarks may differ by
# MNN chooses the blocks of its Winograd convolutions by the number of threads and by the processor. The most that one
# convolution was seen to move by another choice, of its largest value (decision 20).
OTHER_BLOCKS_RTOL = 7e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How far two stages may differ.

    Attributes:
        atol: absolute part of the allowed difference of heads, in the head's own unit.
        rtol: part of that difference relative to the head's largest absolute value in the picture.
        landmark_cells: allowed difference of decoded landmarks and box corners, in cells.
    """

    atol: float = ATOL
    rtol: float = RTOL
    landmark_cells: float = LANDMARK_CELLS

    @classmethod
    def elsewhere(cls, backend: str) -> Tolerances:
        """Return how far an engine may differ, with any number of threads, from what an export proved on its machine.

        Args:
            backend: ``"mnn"`` or ``"onnxruntime"``.
        """
        return cls(rtol=RTOL + OTHER_BLOCKS_RTOL) if backend == "mnn" else cls()

    def __post_init__(self) -> None:
        """Refuse what would let everything pass.

        Raises:
            UsageError: a tolerance is NaN, infinite or below 0.
        """
        for name in ("atol", "rtol", "landmark_cells"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise UsageError(f"{name} must be a finite number of 0 or more, found {value}")


@dataclass(frozen=True, slots=True, eq=False)
class ParitySample:
    """What one stage gave for one picture.

    Attributes:
        outputs: values of each tensor of `HeadsSpec.tensors`, of any shape: whole maps, or a choice of cells.
        scales: largest absolute value of each whole tensor.
        objects: objects decoded from the whole maps.
        heads: maps to look near ties up in; None on the side where only a choice of cells is known.
    """

    outputs: Mapping[str, F32]
    scales: Mapping[str, float]
    objects: Objects
    heads: Heads | None


@dataclass(frozen=True, slots=True)
class ParityReport:
    """The hops of an export or of a verification, in order."""

    hops: tuple[HopParity, ...]

    @property
    def passed(self) -> bool:
        """Whether every hop lies within its tolerances."""
        return all(hop.passed for hop in self.hops)

    def __iter__(self) -> Iterator[HopParity]:
        return iter(self.hops)

    def __len__(self) -> int:
        return len(self.hops)

    def require(self, *, hint: str) -> None:
        """Raise unless every hop passed.

        Raises:
            ParityError: names the first hop that failed, and what in it.
        """
        for hop in self.hops:
            if not hop.passed:
                raise ParityError(
                    f"{hop.candidate} is not equal to {hop.reference}: {_fault(hop)}", report=self, hint=hint
                )


class HopTally:
    """Compares two stages picture by picture and adds up what it finds; no picture is kept.

    Args:
        reference: name of the stage that is right.
        candidate: name of the stage to prove.
        spec: heads of the network, and whether two of them are probabilities.
        schema: keypoint schema.
        params: decoder parameters that the objects were decoded with.
        tolerances: allowed differences of the stages.
    """

    def __init__(
        self,
        reference: str,
        candidate: str,
        *,
        spec: HeadsSpec,
        schema: KeypointSchema,
        params: DecoderParams,
        tolerances: Tolerances,
    ) -> None:
        self.reference = reference
        self.candidate = candidate
        self._tolerances = tolerances
        self._pictures = 0
        self._heads = {name: _HeadTally(name, spec.activation) for name in spec.tensors}
        self._objects = ObjectTally(schema, params, tolerances.landmark_cells)

    def add(self, expected: ParitySample, found: ParitySample) -> None:
        """Compare what the stages gave for one picture."""
        maps = expected.heads or found.heads
        assert maps is not None
        self._pictures += 1
        slack = {
            name: tally.add(expected.outputs[name], found.outputs[name], expected.scales[name], self._tolerances)
            for name, tally in self._heads.items()
        }
        self._objects.add(expected.objects, found.objects, maps, Slack(slack))

    def result(self) -> HopParity:
        """Return the verdict on all pictures."""
        heads = tuple(tally.result() for tally in self._heads.values())
        objects = self._objects.result()
        return HopParity(
            reference=self.reference,
            candidate=self.candidate,
            pictures=self._pictures,
            heads=heads,
            objects=objects,
            passed=all(head.tolerance_used <= 1 for head in heads) and _objects_pass(objects, self._tolerances),
        )


class _HeadTally:
    def __init__(self, name: str, activation: Literal["probabilities", "logits"]) -> None:
        activated = {"probabilities": "probability", "logits": "logit"}[activation]
        self._name = name
        self._unit = {FEATURES: "activation"}.get(name, activated if name in PROBABILITY_HEADS else "cells")
        self._max = self._sum = self._used = 0.0
        self._values = 0

    def add(self, expected: F32, found: F32, scale: float, tolerances: Tolerances) -> float:
        """Compare one map; return how far a choice of the decoder may be excused by this difference.

        That is the difference really seen, and never more than the default tolerances: opening those of the heads does
        not excuse more jumps of landmarks.
        """
        difference = np.abs(found.astype(np.float64) - expected)
        difference = np.where(np.isfinite(difference), difference, np.inf)  # NaN must not pass as small
        largest = float(difference.max())
        self._max = max(self._max, largest)
        self._sum += float(difference.sum())
        allowed = tolerances.atol + tolerances.rtol * scale
        self._used = max(self._used, largest / allowed if allowed else float("inf") if largest else 0.0)
        self._values += difference.size
        return min(largest, ATOL + RTOL * scale)

    def result(self) -> HeadParity:
        return HeadParity(
            head=self._name,
            unit=self._unit,
            max_error=rounded(self._max),
            mean_error=rounded(self._sum / max(self._values, 1)),
            tolerance_used=rounded(self._used),
        )


def _objects_pass(objects: ObjectParity, tolerances: Tolerances) -> bool:
    return (
        objects.unexplained == 0
        and objects.max_landmark_error <= tolerances.landmark_cells
        and objects.max_box_error <= tolerances.landmark_cells
        and objects.max_score_error <= SCORE_TOLERANCE
    )


def _fault(hop: HopParity) -> str:
    worst = max(hop.heads, key=lambda head: head.tolerance_used)
    if worst.tolerance_used > 1:
        times = f"{worst.tolerance_used:.3g} times what it may"
        return f"{worst.head} differs by up to {worst.max_error:.2g} ({worst.unit}), at worst {times}"
    objects = hop.objects
    if objects.unexplained:
        return f"{objects.unexplained} of {objects.expected} objects have no partner"
    return (
        f"landmarks of equal objects differ by up to {objects.max_landmark_error:.2g} cells,"
        f" boxes by {objects.max_box_error:.2g} cells, scores by {objects.max_score_error:.2g}"
    )
