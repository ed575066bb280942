"""Errors of pose estimators, synthesised from the truth: good, jitter, miss, inversion, swap.

After ``synthesize_pose`` of https://github.com/mks0601/PoseFix_RELEASE (MIT, copyright 2019 Gyeongsik Moon), whose
shares were measured on detectors of persons (Ronchi and Perona, ICCV 2017). For garments, which have no faces and
limbs, the shares are of the kind "rest", and the number of labelled landmarks counts as a share of the class's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from deepmark.runtime.arrays import F64, I64, Mask
from deepmark.runtime.boxes import oks_variances
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema

NEAR_IOU = 0.1  # from here on an object is a neighbour
GOOD_OKS, JITTER_OKS, MISS_OKS = 0.85, 0.50, 0.10  # similarity at the outer radius of each ring
_DRAWS = 500  # positions that are tried at once
_PERSON_FACE = np.arange(5)  # nose, eyes, ears
_PERSON_UPPER = np.arange(5, 11)  # shoulders, elbows, wrists


@dataclass(frozen=True, slots=True, eq=False)
class ErrorShares:
    """How often each landmark of an object is wrong, and how; the rest is good.

    Attributes:
        jitter: (P,) shares of landmarks a little beside their place.
        miss: (P,) shares of landmarks near nothing that they could be taken for.
        inversion: (P,) shares of landmarks at their left/right partner.
        swap: (P,) shares of landmarks at a neighbour's.
    """

    jitter: F64
    miss: F64
    inversion: F64
    swap: F64


def error_shares(one: KeypointClass, labelled: int, neighbours: int) -> ErrorShares:
    """Return the shares for an object of a class.

    Args:
        one: class of the object.
        labelled: number of its labelled landmarks.
        neighbours: number of objects that overlap it by `NEAR_IOU` or more.
    """
    return _person(labelled, neighbours) if is_person(one) else _garment(len(one.groups), labelled, neighbours)


@cache
def is_person(one: KeypointClass) -> bool:
    """Tell whether a class is COCO's person with its 17 landmarks."""
    return one.keypoint_names == KeypointSchema.coco_person().classes[0].keypoint_names


def _person(labelled: int, neighbours: int) -> ErrorShares:
    jitter, miss, inversion, swap = (np.empty(17) for _ in range(4))
    jitter[:] = 0.15
    jitter[[0, 13, 14, 15, 16]] = 0.10
    jitter[[11, 12]] = 0.20
    if labelled <= 10:
        jitter += 0.05
    face, ends, rest = (
        (0.15, 0.20, 0.25) if labelled <= 5 else (0.10, 0.13, 0.15) if labelled <= 10 else (0.02, 0.05, 0.10)
    )
    miss[:] = rest
    miss[_PERSON_FACE], miss[[5, 6, 15, 16]] = face, ends
    inversion[:] = 0.06
    inversion[_PERSON_FACE], inversion[_PERSON_UPPER] = 0.01, 0.03
    crowded = (labelled <= 10 and neighbours > 0) or (labelled <= 15 and neighbours >= 3)
    swap[:] = 0.10 if crowded else 0.03
    swap[_PERSON_FACE], swap[_PERSON_UPPER] = (0.02, 0.15) if crowded else (0.01, 0.06)
    return ErrorShares(jitter, miss, inversion, swap)


def _garment(points: int, labelled: int, neighbours: int) -> ErrorShares:
    few, some = labelled * 17 <= 5 * points, labelled * 17 <= 10 * points
    return ErrorShares(
        jitter=np.full(points, 0.20 if some else 0.15),
        miss=np.full(points, 0.20 if few else 0.13 if some else 0.05),
        inversion=np.full(points, 0.05),
        swap=np.full(points, 0.15 if neighbours else 0.06),
    )


@dataclass(frozen=True, slots=True, eq=False)
class PoseTruth:
    """An object among its neighbours, in pixels of the refiner's input.

    Attributes:
        points: (P, 2) where each landmark is, or is taken to be where nobody labelled it.
        labelled: (P,) whether somebody labelled it.
        partner: (P,) 0-based number of its left/right partner; its own where it has none.
        neighbours: (M, P, 2) the same landmarks of neighbours.
        known: (M, P) whether a neighbour has them.
        sigmas: (P,) OKS sigmas.
        area: area of the object's box.
    """

    points: F64
    labelled: Mask
    partner: I64
    neighbours: F64
    known: Mask
    sigmas: F64
    area: float


def synthesise(rng: np.random.Generator, truth: PoseTruth, shares: ErrorShares) -> F64:
    """Draw a pose (P, 2) as an estimator might have found it.

    A kind of error that leaves no room is drawn again among the others, by their shares; a landmark that has room for
    none stays where it is.
    """
    found = truth.points.copy()
    radii = np.stack([oks_radius(level, truth) for level in (GOOD_OKS, JITTER_OKS, MISS_OKS)], axis=1)  # (P, 3)
    for number in range(len(found)):
        wrong = np.array([shares.jitter[number], shares.miss[number], shares.inversion[number], shares.swap[number]])
        left = np.array([1 - wrong.sum(), *wrong])
        centres = _Centres.of(truth, number, found)
        while left.sum() > 0:
            kind = int(rng.choice(len(_KINDS), p=left / left.sum()))
            position = _KINDS[kind](rng, centres, radii[number])
            if position is not None:
                found[number] = position
                break
            left[kind] = 0
    return found


def oks_radius(level: float, truth: PoseTruth) -> F64:
    """Return the distance (P,) in pixels at which each landmark's similarity is ``level``."""
    return np.asarray(np.sqrt(-2 * truth.area * oks_variances(truth.sigmas) * np.log(level)))


@dataclass(frozen=True, slots=True, eq=False)
class _Centres:
    """Places that one landmark may be found at, or be taken for.

    Attributes:
        places: (C, 2) its own, then neighbours', then its partner's, then neighbours' partners'.
        partner: row of its partner; None where it has none that is labelled.
        swaps: (S,) rows of the neighbours'.
    """

    places: F64
    partner: int | None
    swaps: I64

    @classmethod
    def of(cls, truth: PoseTruth, number: int, found: F64) -> _Centres:
        """Gather them as PoseFix's code does, on whose draws ours were tested.

        A partner that was drawn before stands where it was drawn. And a partner that nobody labelled leaves its row to
        the first neighbour's, which a swap skips then.
        """
        partner = int(truth.partner[number])
        same = truth.neighbours[truth.known[:, number], number]
        own = found[[partner]] if partner != number and truth.labelled[partner] else np.empty((0, 2))
        others = truth.neighbours[truth.known[:, partner], partner] if partner != number else np.empty((0, 2))
        places = np.concatenate([truth.points[[number]], same, own, others])
        at = 1 + len(same)
        swaps = np.r_[1:at, at + 1 : len(places)]
        return cls(places, at if len(own) else None, swaps)


def _good(rng: np.random.Generator, centres: _Centres, radii: F64) -> F64 | None:
    return _pick(rng, _ring(rng, centres, 0, 0, radii[0]))


def _jitter(rng: np.random.Generator, centres: _Centres, radii: F64) -> F64 | None:
    return _pick(rng, _ring(rng, centres, 0, radii[0], radii[1]))


def _miss(rng: np.random.Generator, centres: _Centres, radii: F64) -> F64 | None:
    found = []
    for row in range(len(centres.places)):
        far = _ring(rng, centres, row, radii[1], radii[2], least=radii[1])
        found.append(far if row == 0 else far[: len(far) // 4])
    return _pick(rng, np.concatenate(found))


def _inversion(rng: np.random.Generator, centres: _Centres, radii: F64) -> F64 | None:
    return None if centres.partner is None else _pick(rng, _ring(rng, centres, centres.partner, 0, radii[1]))


def _swap(rng: np.random.Generator, centres: _Centres, radii: F64) -> F64 | None:
    own = np.array([0] if centres.partner is None else [0, centres.partner])
    found = [_ring(rng, centres, int(row), 0, radii[1], against=own) for row in centres.swaps]
    return _pick(rng, np.concatenate(found)) if found else None


_KINDS = (_good, _jitter, _miss, _inversion, _swap)


def _ring(
    rng: np.random.Generator,
    centres: _Centres,
    row: int,
    inner: float,
    outer: float,
    *,
    least: float | None = None,
    against: I64 | None = None,
) -> F64:
    """Draw positions around a place, of which those stay that are nearer to no other place.

    Args:
        rng: source of chance.
        centres: all places.
        row: place to draw around.
        inner: smallest distance from it.
        outer: largest distance from it.
        least: distance to keep from other places; None for the position's own from ``row``.
        against: (S,) rows of the other places; None for all but ``row``.
    """
    angle, radius = rng.uniform(0, 2 * np.pi, _DRAWS), rng.uniform(inner, outer, _DRAWS)
    drawn = centres.places[row] + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    others = np.delete(centres.places, row, axis=0) if against is None else centres.places[against]
    distance = np.sqrt(np.square(drawn[:, None] - others).sum(axis=2))
    return np.asarray(drawn[(distance > (radius if least is None else np.full(_DRAWS, least))[:, None]).all(axis=1)])


def _pick(rng: np.random.Generator, positions: F64) -> F64 | None:
    return np.asarray(positions[rng.integers(len(positions))]) if len(positions) else None
