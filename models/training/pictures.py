"""Drawings made beforehand: pixels in one memory-mapped array, labels in another file, for epochs without a painter."""

from __future__ import annotations

import io
import multiprocessing
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import numpy as np

from deepmark.errors import DataError
from deepmark.models.datasets.drawings import DrawnItem, draw
from deepmark.models.training.augmentation import PlainLabel
from deepmark.models.training.train_state import write_run_file
from deepmark.runtime.arrays import Image8

PIXELS, LABELS = "pixels.npy", "labels.npz"
_CHUNK = 16  # drawings that a process makes between two reports


class DrawnPictures:
    """A folder of drawings; pictures are read from the disk when they are asked for, labels are in memory.

    Args:
        folder: made by `draw_pictures`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._pixels = np.load(folder / PIXELS, mmap_mode="r")
            with np.load(folder / LABELS) as labels:
                self._labels = {name: labels[name] for name in labels.files}
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"cannot read the drawings in {folder}: {error}", hint=f"delete {folder}") from error

    def __reduce__(self) -> tuple[type[DrawnPictures], tuple[Path]]:
        """Give another process the folder, not the pixels."""
        return DrawnPictures, (self.folder,)

    @property
    def key(self) -> tuple[int, ...]:
        """Seed, size and number of the drawings."""
        return tuple(self._labels["key"].tolist())

    def __len__(self) -> int:
        """Return the number of drawings."""
        return len(self._pixels)

    def __getitem__(self, index: int) -> tuple[Image8, list[PlainLabel]]:
        """Return one drawing, (size, size, 3), and its garments."""
        first, last = self._labels["items"][index : index + 2]
        return np.asarray(self._pixels[index]), [self._label(row) for row in range(first, last)]

    def _label(self, row: int) -> PlainLabel:
        start, end = self._labels["rows"][row : row + 2]
        x1, y1, x2, y2 = self._labels["boxes"][row].tolist()
        return PlainLabel(int(self._labels["categories"][row]), self._labels["landmarks"][start:end], (x1, y1, x2, y2))


def draw_pictures(
    folder: Path, *, seed: int, size: int, count: int, workers: int, advance: Callable[[], None] = lambda: None
) -> DrawnPictures:
    """Draw pictures 1 to ``count`` of the set ``seed`` into a folder, or take those that are there already.

    The folder appears when it is complete.

    Args:
        folder: where they are kept.
        seed: of the drawings.
        size: their side in pixels.
        count: how many.
        workers: processes that draw; the drawings do not depend on it.
        advance: called after every drawing.

    Raises:
        DataError: the folder holds other drawings, cannot be written, or a process was killed.
    """
    key = (seed, size, count)
    if folder.exists():
        return _same(DrawnPictures(folder), key)
    building = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(building, ignore_errors=True)  # of a run that was killed
        building.mkdir(parents=True)
        items: list[tuple[DrawnItem, ...]] = []
        with (building / PIXELS).open("wb") as file:  # not a map: a full disk would end the process without a word
            shape = (count, size, size, 3)
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for image, labels in _drawn(seed, size, count, workers):
                file.write(image.tobytes())
                items.append(labels)
                advance()
        write_run_file(building / LABELS, _pack(items, key))
        building.replace(folder)
    except OSError as error:
        raise DataError(f"cannot keep the drawings in {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return DrawnPictures(folder)


def _same(found: DrawnPictures, key: tuple[int, int, int]) -> DrawnPictures:
    if found.key != key:
        seed, size, count = found.key
        raise DataError(
            f"{found.folder} holds {count} drawings of seed {seed} and size {size},"
            f" not {key[2]} of seed {key[0]} and size {key[1]}",
            hint=f"delete {found.folder}, or train into another folder",
        )
    return found


def _drawn(seed: int, size: int, count: int, workers: int) -> Iterable[tuple[Image8, tuple[DrawnItem, ...]]]:
    make = partial(_draw_one, seed, size)
    numbers = range(1, count + 1)
    if workers == 1 or count <= _CHUNK:
        yield from map(make, numbers)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(make, numbers, chunksize=_CHUNK)
        except BrokenProcessPool as error:
            raise DataError(
                "a process that drew pictures was killed", hint="start again, with fewer workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _draw_one(seed: int, size: int, number: int) -> tuple[Image8, tuple[DrawnItem, ...]]:
    drawing = draw(seed, number, size)
    return drawing.image_bgr_u8, drawing.items


def _pack(pictures: list[tuple[DrawnItem, ...]], key: tuple[int, int, int]) -> bytes:
    """Return the labels as one file: items of all pictures in a row, landmarks of all items in a row."""
    items = [item for one in pictures for item in one]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        key=np.array(key),
        items=np.cumsum([0, *map(len, pictures)]),
        rows=np.cumsum([0, *(len(item.landmarks) for item in items)]),
        categories=np.array([item.category_id for item in items]),
        boxes=np.array([item.bounding_box for item in items]),
        landmarks=np.concatenate([item.landmarks for item in items]),
    )
    return buffer.getvalue()
