"""Outfits: which garments are worn, or laid out, together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepmark.models.datasets.drawings.body import Body, Posture
from deepmark.models.datasets.drawings.garments import (
    BOTTOMS,
    CLASS_IDS,
    DRESSES,
    OUTWEAR,
    SHORTS,
    SKIRT,
    TOPS,
    TROUSERS,
    Garment,
)
from deepmark.models.datasets.drawings.lower_garments import shorts, skirt, trousers
from deepmark.models.datasets.drawings.upper_garments import upper

# Bottoms come along with tops anyway, dresses with nothing.
_WEIGHTS = np.array([0.6 if one in BOTTOMS else 1.6 if one in DRESSES else 1.0 for one in CLASS_IDS])
_FIRST_CHOICE = _WEIGHTS / _WEIGHTS.sum()


def random_outfit(rng: np.random.Generator, posture: Posture) -> tuple[int, ...]:
    """Draw which classes are worn together, from the skin outwards, so that all are about equally frequent."""
    main = int(rng.choice(CLASS_IDS, p=_FIRST_CHOICE))
    alone = {"flat": 0.75}.get(posture, 0.08 if main in BOTTOMS else 0.0)  # nobody goes without a bottom
    if rng.random() < alone:
        return (main,)
    inner, outer = int(rng.choice(TOPS)), int(rng.choice(OUTWEAR))
    bottom = int(rng.choice(BOTTOMS))
    if main in OUTWEAR:
        return (int(rng.choice(DRESSES)), main) if rng.random() < 0.2 else (bottom, inner, main)
    if main in DRESSES:
        return (main, outer) if rng.random() < 0.15 else (main,)
    outfit = (bottom, main) if main in TOPS else (main, inner)
    return (*outfit, outer) if posture != "flat" and rng.random() < 0.12 else outfit


def dress(rng: np.random.Generator, body: Body, classes: tuple[int, ...]) -> tuple[Garment, ...]:
    """Put garments of these classes on a body, from the skin outwards."""
    garments: list[Garment] = []
    for class_id in classes:
        if class_id == SHORTS:
            garments.append(shorts(rng, body))
        elif class_id == TROUSERS:
            garments.append(trousers(rng, body))
        elif class_id == SKIRT:
            garments.append(skirt(rng, body))
        else:
            layer = sum(1 for garment in garments if garment.class_id not in BOTTOMS)
            garments.append(upper(rng, body, class_id, layer=layer))
    return tuple(garments)


def lay_apart(rng: np.random.Generator, garments: tuple[Garment, ...]) -> tuple[Garment, ...]:
    """Push a bottom that is laid out with a top downwards, sometimes so far that they do not touch."""
    if len(garments) < 2 or garments[0].class_id not in BOTTOMS:
        return garments
    push = np.array([rng.normal(0, 0.06), rng.uniform(0.05, 0.5)])
    moved = {name: point + push for name, point in garments[0].points.items()}
    return (replace(garments[0], points=moved), *garments[1:])
