"""One fixed colour per class."""

from __future__ import annotations

Colour = tuple[int, int, int]  # B, G, R

# Thirteen colours, for DeepFashion2's thirteen classes, found by search: every two are at least 0.13 apart in OKLab as
# most people see them, and 0.086 apart under protanopia and under deuteranopia; lightness 0.6 to 0.9, so that all read
# well on a dark halo. They are dealt out so that garments worn together (top and trousers) are far apart.
_PALETTE = (
    "298FBA",  # short sleeve top: blue
    "F4B53B",  # long sleeve top: amber
    "42F296",  # short sleeve outwear: mint
    "D7528B",  # long sleeve outwear: pink
    "84F3F1",  # vest: pale cyan
    "BC89F6",  # sling: lilac
    "D35010",  # shorts: burnt orange
    "1EC1B9",  # trousers: teal
    "E0E92D",  # skirt: lemon
    "7A6AE4",  # short sleeve dress: violet
    "F18C85",  # long sleeve dress: salmon
    "A7A208",  # vest dress: olive
    "8FC5FF",  # sling dress: sky
)

HALO: Colour = (26, 20, 18)  # behind lines and dots, and around chips: keeps light colours legible on light pictures
DARK_INK: Colour = (12, 9, 8)
LIGHT_INK: Colour = (255, 255, 255)


def class_colour(class_id: int) -> Colour:
    """Return the colour of a class; a schema with more than thirteen classes begins again."""
    text = _PALETTE[class_id % len(_PALETTE)]
    red, green, blue = (int(text[at : at + 2], 16) for at in (0, 2, 4))
    return blue, green, red


def ink_on(colour: Colour) -> Colour:
    """Return the text colour, dark or white, with the higher contrast on this one."""
    return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, colour))


def contrast(one: Colour, other: Colour) -> float:
    """Contrast of two colours, from 1 to 21 (WCAG 2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    blue, green, red = (_linear(value / 255) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    """Undo the sRGB transfer function."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
