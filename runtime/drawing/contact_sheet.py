"""Many pictures on one: a grid of equal tiles with a line of text below each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.overlay import annotate, scaled
from deepmark.runtime.drawing.palette import DARK_INK, Colour
from deepmark.runtime.drawing.text import put_text, text_width
from deepmark.runtime.keypoints.schema import KeypointSchema

TILE = 480  # pixels, both sides
MAX_TILES = 100

_GAP = 24  # between tiles, and around them
_CAPTION = 34  # height of the line below a tile
_TEXT = 17.0
_PAPER: Colour = (247, 246, 245)
_ELLIPSIS = "..."  # OpenCV 4's font has no single character for it


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture of a sheet.

    Attributes:
        image: (H, W, 3) uint8, BGR; neither side longer than `TILE`.
        caption: line of text to write below it.
    """

    image: Image8
    caption: str


def fill_tile(image: Image8, detections: Detections, schema: KeypointSchema) -> Image8:
    """Resize a picture to a tile, then draw on it: a drawing made smaller would not be legible.

    Args:
        image: (H, W, 3) uint8, BGR, of any size.
        detections: objects in pixels of this picture, best first.
        schema: names and outlines of the classes.
    """
    import cv2

    factor = TILE / max(image.shape[:2])
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
    return annotate(resized, scaled(detections, factor), schema)


def contact_sheet(tiles: list[Tile], columns: int = 4) -> Image8:
    """Lay out tiles in rows, from left to right.

    Args:
        tiles: tiles in reading order, at least one.
        columns: most tiles a row.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    height, width = rows * (TILE + _CAPTION + _GAP) + _GAP, columns * (TILE + _GAP) + _GAP
    sheet = np.empty((height, width, 3), np.uint8)
    sheet[:] = _PAPER
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (TILE + _GAP), _GAP + row * (TILE + _CAPTION + _GAP)
        tile_height, tile_width = tile.image.shape[:2]
        x, y = left + (TILE - tile_width) // 2, top + (TILE - tile_height) // 2
        sheet[y : y + tile_height, x : x + tile_width] = tile.image
        caption = _shortened(tile.caption)
        start = left + (TILE - text_width(caption, _TEXT)) / 2
        put_text(sheet, caption, (start, top + TILE + 0.7 * _CAPTION), _TEXT, DARK_INK)
    return sheet


def _shortened(caption: str) -> str:
    """Cut a caption at its beginning until it fits below a tile: the end of a path tells more."""
    if text_width(caption, _TEXT) <= TILE:
        return caption
    while caption and text_width(_ELLIPSIS + caption, _TEXT) > TILE:
        caption = caption[1:]
    return _ELLIPSIS + caption
