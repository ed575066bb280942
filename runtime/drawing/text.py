"""Text on pictures: OpenCV 5's built-in font, or the line font of OpenCV 4."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from deepmark.runtime.arrays import Image8
from deepmark.runtime.drawing.palette import Colour

REGULAR, SEMIBOLD = 400, 600  # weights of the built-in variable font

CAP_HEIGHT = 0.7  # height of a capital letter, as a share of the size
_HERSHEY_HEIGHT = 22  # pixels from baseline to top of FONT_HERSHEY_DUPLEX at scale 1


def text_width(text: str, size: float, weight: int = REGULAR) -> float:
    """Measure a line of text of this size (em, in pixels), in pixels."""
    import cv2

    if _font() is None:
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, _hershey_scale(size), _hershey_thickness(size))
        return float(width)
    x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), round(size), weight)
    return float(x + width)


def put_text(
    canvas: Image8, text: str, baseline: tuple[float, float], size: float, colour: Colour, weight: int = REGULAR
) -> None:
    """Write a line of text into a picture, in place; ``baseline`` is its lower left end (x, y)."""
    import cv2

    at = (round(baseline[0]), round(baseline[1]))
    if _font() is None:
        scale, thickness = _hershey_scale(size), _hershey_thickness(size)
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, colour, thickness, cv2.LINE_AA)
    else:
        cv2.putText(canvas, text, at, colour, _font(), round(size), weight)


@lru_cache(maxsize=1)
def _font() -> Any:
    """The font that OpenCV 5 brings along (Rubik), or None in OpenCV 4."""
    import cv2

    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _hershey_scale(size: float) -> float:
    return size * CAP_HEIGHT / _HERSHEY_HEIGHT


def _hershey_thickness(size: float) -> int:
    return max(1, round(size / 18))
