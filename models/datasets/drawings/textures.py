"""Cloth: plain, striped, checked, dotted and printed colours at each thread's place."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deepmark.runtime.arrays import F32, Index, Mask

Image = F32  # (3, H, W) BGR in 0..255: planes multiply by a (H, W) shade fastest
Palette = F32  # (k, 3) BGR in 0..255
Plane = F32  # (H, W)


@dataclass(frozen=True, slots=True)
class Material:
    """What a part is made of.

    Attributes:
        pattern: a key of `PATTERNS`.
        palette: (k, 3) BGR colours, 0..255; the first is the ground.
        period: length after which the pattern repeats, in body units.
        share: share of a period that the pattern takes, in [0, 1].
        angle: angle between the pattern and the cloth's threads, in radians.
        grain: strength of the weave's noise, in [0, 255].
        seed: seed of the pattern's own noise.
    """

    pattern: str
    palette: Palette
    period: float
    share: float
    angle: float
    grain: float
    seed: int

    def chance(self, purpose: str = "pattern") -> np.random.Generator:
        """Return the material's own chance: the same wherever a piece of it is painted."""
        return np.random.Generator(np.random.PCG64(2 * self.seed + (purpose == "grain")))


@dataclass(frozen=True, slots=True)
class Threads:
    """Places on a cloth.

    Attributes:
        u: (H, W) positions across the threads, in body units or periods.
        v: (H, W) positions along the threads, in body units or periods.
    """

    u: Plane
    v: Plane

    def turned(self, angle: float) -> Threads:
        """Return the places as a pattern sees them that lies at an angle (radians) to the threads."""
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return Threads(cos * self.u - sin * self.v, sin * self.u + cos * self.v)

    def scaled(self, factor: float) -> Threads:
        """Return the places in another unit."""
        return Threads(self.u * np.float32(factor), self.v * np.float32(factor))

    def periods(self, factor: float) -> tuple[int, int]:
        """Return about ``factor`` times the number of periods down and across, at most 40."""
        high, wide = abs(float(self.v[-1, 0] - self.v[0, 0])), abs(float(self.u[0, -1] - self.u[0, 0]))
        return int(np.clip(factor * high + 2, 2, 40)), int(np.clip(factor * wide + 2, 2, 40))


def plain(colour: npt.ArrayLike, *, grain: float = 0.0) -> Material:
    """Return a material of one colour."""
    return Material("plain", np.asarray(colour, np.float32).reshape(1, 3), 1.0, 0.5, 0.0, grain, 0)


def random_material(rng: np.random.Generator) -> Material:
    """Draw a cloth."""
    names = tuple(PATTERNS)
    pattern = "plain" if rng.random() < 0.3 else names[rng.integers(len(names))]
    period = float(np.exp(rng.uniform(np.log(0.045), np.log(0.3))))
    grain = rng.uniform(0, 14) if rng.random() < 0.6 else 0.0
    angle = rng.choice((0.0, np.pi / 2, rng.uniform(-np.pi, np.pi)), p=(0.5, 0.25, 0.25))
    return Material(pattern, _palette(rng), period, rng.uniform(0.2, 0.75), angle, grain, int(rng.integers(2**31)))


def random_colour(rng: np.random.Generator) -> F32:
    """Draw a BGR colour: vivid, muted, or nearly grey."""
    hue, saturation, value = rng.random(3)
    saturation = saturation**1.6  # more muted than vivid ones
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 0.1 + 0.9 * value)
    return np.array((255 * blue, 255 * green, 255 * red), np.float32)


def _palette(rng: np.random.Generator) -> Palette:
    """Draw four colours of which neighbours can be told apart."""
    colours = [random_colour(rng)]
    while len(colours) < 4:
        colour = random_colour(rng)
        if np.abs(colour - colours[-1]).max() < 45:
            colour = np.float32(255) - colour
        colours.append(colour)
    return np.array(colours, np.float32)


def cloth(material: Material, threads: Threads) -> Image:
    """Return the colours at places of the cloth."""
    if material.angle:
        threads = threads.turned(material.angle)
    colours = PATTERNS[material.pattern](material, threads.scaled(1 / material.period))
    if material.grain:
        grain = material.chance("grain").random(threads.u.shape, np.float32) - np.float32(0.5)
        colours = colours + np.float32(material.grain) * grain
    return colours


def soft_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int]) -> Plane:
    """Return smooth noise in -1..1 with about ``cells`` (rows, columns) bumps."""
    coarse = rng.random((cells[0] + 2, cells[1] + 2), np.float32) * np.float32(2) - np.float32(1)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _pick(material: Material, index: Index) -> Image:
    """Return the palette's colours."""
    return np.asarray(np.take(material.palette.T, index, axis=1))


def _where(material: Material, chosen: Mask) -> Image:
    """Return the second colour where ``chosen``, else the ground."""
    return _pick(material, chosen.astype(np.intp))


def _colour(material: Material, index: int) -> Image:
    return np.asarray(material.palette[index].reshape(3, 1, 1))


def _fraction(x: Plane) -> Plane:
    return np.asarray(x - np.floor(x))


def _band(x: Plane, count: int) -> Index:
    """Return which of ``count`` equal bands of a period a place lies in."""
    return np.asarray((_fraction(x) * np.float32(count)).astype(np.intp) % count)


def _plain(material: Material, at: Threads) -> Image:
    return np.broadcast_to(_colour(material, 0), (3, *at.u.shape))


def _stripes(material: Material, at: Threads) -> Image:
    return _where(material, _fraction(at.v) < material.share)


def _many_stripes(material: Material, at: Threads) -> Image:
    return _pick(material, material.chance().integers(0, 4, 9)[_band(at.scaled(1 / 3).v, 9)])


def _gingham(material: Material, at: Threads) -> Image:
    across = (_fraction(at.u) < 0.5).astype(np.float32) + (_fraction(at.v) < 0.5).astype(np.float32)
    ground, check = _colour(material, 0), _colour(material, 1)
    return np.asarray(ground + across * np.float32(0.5) * (check - ground))


def _tartan(material: Material, at: Threads) -> Image:
    bands, wide = material.chance().integers(0, 4, 8), at.scaled(0.5)
    return np.asarray(
        (_pick(material, bands[_band(wide.u, 8)]) + _pick(material, bands[_band(wide.v, 8)])) / np.float32(2)
    )


def _board(material: Material, at: Threads) -> Image:
    return _where(material, (np.floor(at.u) + np.floor(at.v)) % 2 > 0)


def _dots(material: Material, at: Threads) -> Image:
    shifted = _fraction(np.floor(at.v) * np.float32(0.5))  # every other row by half
    x, y = _fraction(at.u + shifted) - np.float32(0.5), _fraction(at.v) - np.float32(0.5)
    return _where(material, x * x + y * y < (0.15 + 0.28 * material.share) ** 2)


def _scattered(material: Material, at: Threads) -> Image:
    """Flowers: a blot of petals in each cell, in its own colour and place."""
    table = material.chance().random((4, 64), np.float32)
    cell = (np.floor(at.u).astype(np.intp) * 7 + np.floor(at.v).astype(np.intp) * 13) % 64
    x = _fraction(at.u) - np.float32(0.35) - table[0][cell] * np.float32(0.3)
    y = _fraction(at.v) - np.float32(0.35) - table[1][cell] * np.float32(0.3)
    radius = (0.2 + 0.14 * table[2][cell]) * (1 + 0.35 * np.cos(5 * np.arctan2(y, x)))
    distance = np.sqrt(x * x + y * y)
    index = np.where(distance < radius, 1 + (table[3][cell] * 2).astype(np.intp), 0)
    return _pick(material, np.where(distance < 0.07, 3, index))


def _camouflage(material: Material, at: Threads) -> Image:
    rng, cells = material.chance(), at.periods(1.5)
    index = np.zeros(at.u.shape, np.intp)
    for colour in (1, 2, 3):
        index[soft_noise(rng, at.u.shape, cells) > 0.25] = colour
    return _pick(material, index)


def _animal(material: Material, at: Threads) -> Image:
    """Zebra's stripes or a leopard's spots: waves that noise bends."""
    bend = soft_noise(material.chance(), at.u.shape, at.periods(1.0)) * np.float32(6)
    spots = np.sin(np.float32(6.3) * at.v + bend)
    if material.share > 0.5:
        spots += np.sin(np.float32(6.3) * at.u + bend)
    return _where(material, spots > 0.3)


def _gradient(material: Material, at: Threads) -> Image:
    start = material.chance().uniform(-0.1, 0.5)
    t = np.clip(at.v * np.float32(material.period / 1.2) + np.float32(start), 0, 1)
    return np.asarray(_colour(material, 0) * (1 - t) + _colour(material, 1) * t)


def _blocks(material: Material, at: Threads) -> Image:
    length = at.v * np.float32(material.period) - np.float32(0.5 * material.share)
    return _pick(material, (length > 0.15).astype(np.intp) + (length > 0.35))


def _chevron(material: Material, at: Threads) -> Image:
    return _where(material, _fraction(at.v + np.abs(_fraction(at.u) - np.float32(0.5))) < material.share)


def _knit(material: Material, at: Threads) -> Image:
    column = np.float32(12.6) * at.u
    return _grooved(material, np.sin(np.float32(25) * at.v + 2 * np.sin(column)) * np.sin(column))


def _ribbed(material: Material, at: Threads) -> Image:
    return _grooved(material, np.sin(np.float32(18.8) * at.u))


def _grooved(material: Material, wave: Plane) -> Image:
    return np.asarray(_colour(material, 0) * (1 + np.float32(0.15) * wave))


def _print(material: Material, at: Threads) -> Image:
    """One picture in the middle: a disc, a word's stems, or a diamond."""
    size = np.float32(0.08 + 0.12 * material.share) / np.float32(material.period)
    x, y = np.abs(at.u) / size, np.abs(at.v - np.float32(0.3 / material.period)) / size
    index = np.zeros(x.shape, np.intp)
    shape = material.seed % 3
    if shape == 0:
        index[x * x + y * y < 1] = 1
        index[(x < 1.3) & (y < 0.25)] = 2
    elif shape == 1:
        index[(x < 1.4) & (y < 0.4) & (_fraction(np.asarray(x + x)) < 0.65)] = 1
    else:
        index[x + y < 1.2] = 1
        index[(x < 0.5) & (y < 0.5)] = 3
    return _pick(material, index)


Pattern = Callable[[Material, Threads], Image]
PATTERNS: dict[str, Pattern] = {
    "plain": _plain,
    "stripes": _stripes,
    "many stripes": _many_stripes,
    "gingham": _gingham,
    "tartan": _tartan,
    "board": _board,
    "dots": _dots,
    "scattered": _scattered,
    "camouflage": _camouflage,
    "animal": _animal,
    "gradient": _gradient,
    "blocks": _blocks,
    "chevron": _chevron,
    "knit": _knit,
    "ribbed": _ribbed,
    "print": _print,
}
