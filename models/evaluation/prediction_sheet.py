"""What a network finds in a few pictures beside what is in them, on one sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmark.files import write_whole
from deepmark.models.evaluation.labelled import as_detections
from deepmark.models.evaluation.validation_set import ValidationSet, evenly
from deepmark.runtime.detections import Detections
from deepmark.runtime.detector import Detector
from deepmark.runtime.drawing.contact_sheet import Tile, contact_sheet, fill_tile
from deepmark.runtime.media.picture_file import decode_picture, encode_picture

PICTURES = 8
SHOWN = 0.2  # least score of what is drawn
_COLUMNS = 4  # two pictures a row, each twice


def draw_sheet(detector: Detector, pictures: ValidationSet, path: Path, *, count: int = PICTURES) -> None:
    """Draw the same few pictures of a set, each twice: with its labels, and with what is found in it.

    A filled dot is a visible landmark, or one that the heatmap confirmed; a ring is an occluded one, or one that comes
    from the regression alone.

    Args:
        detector: to look through.
        pictures: some of which are taken, evenly.
        path: of the sheet, ``.jpg`` or ``.png``; it appears whole or not at all.
        count: pictures on it, at most.

    Raises:
        DeepMarkError: a picture cannot be read, or the sheet not be written.
    """
    schema = pictures.dataset.schema
    tiles = []
    for annotation in evenly(pictures.annotations, count):
        content, source = pictures.dataset.picture(annotation.image_id)
        image = decode_picture(content, source=source)
        found = detector(image)
        found = found.select(np.flatnonzero(found.scores >= SHOWN))
        labels = as_detections(annotation.items)
        tiles.append(Tile(fill_tile(image, labels, schema), f"{annotation.image_id:06d}: labels"))
        tiles.append(Tile(fill_tile(image, found, schema), _caption(annotation.image_id, found)))
    write_whole(path, encode_picture(contact_sheet(tiles, _COLUMNS), path.suffix))


def _caption(image_id: int, found: Detections) -> str:
    return f"{image_id:06d}: found" if len(found) else f"{image_id:06d}: nothing found above {SHOWN:g}"
