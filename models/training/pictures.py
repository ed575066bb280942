"""Labelled pictures to train on: a data set's photographs, or drawings.

Drawings are made beforehand, pixels in one memory-mapped array, labels in another file: for epochs without a painter.
Where they have mixed shapes the array is flat, one picture's bytes after the other's.
"""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from deepmark.errors import DataError
from deepmark.files import whole_folder
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.drawings import DrawnItem, draw
from deepmark.models.datasets.drawings.canvas import mixed_size
from deepmark.runtime.arrays import F64, I64, Image8
from deepmark.runtime.media.picture_file import decode_picture

PIXELS, LABELS = "pixels.npy", "labels.npz"
_CHUNK = 16  # drawings that a process makes between two reports
_MIXED = " in mixed shapes"


class Label(Protocol):
    """What training needs to know of a labelled object; `drawings.DrawnItem` has it."""

    @property
    def category_id(self) -> int:
        """1-based class."""

    @property
    def landmarks(self) -> F64:
        """(n, 3) x, y in image pixels and v: 2 visible, 1 occluded, 0 not labelled."""

    @property
    def bounding_box(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 in image pixels."""


@dataclass(frozen=True, slots=True)
class PlainLabel:
    """A `Label` and nothing more.

    Attributes:
        category_id: 1-based number of the class.
        landmarks: (n, 3) x, y in pixels of the picture, and v.
        bounding_box: x1, y1, x2, y2 in pixels of the picture.
    """

    category_id: int
    landmarks: F64
    bounding_box: tuple[float, float, float, float]


class TrainingPictures(Protocol):
    """A set of labelled pictures: drawings, or a folder of DeepFashion2."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def __getitem__(self, index: int, /) -> tuple[Image8, Sequence[Label]]:
        """Return picture ``index``, (H, W, 3) uint8 BGR, and its labels in the picture's pixels."""


def picture_sizes(pictures: TrainingPictures) -> I64:
    """Return height and width of every picture as it is shown, (N, 2), in pixels; pictures in memory are measured."""
    if isinstance(pictures, Photographs | DrawnPictures):
        return pictures.sizes
    return np.array([pictures[index][0].shape[:2] for index in range(len(pictures))], np.int64)


class Photographs:
    """A data set's pictures, read when they are asked for; its labels are read and checked at once.

    Args:
        path: path of a folder that holds ``image/`` and ``annos/``, or of the official zip.
        password: password of the zip; None where it has none.
        skip_bad: whether to leave pictures out that something is wrong with, instead of refusing the data set.
        advance: function called after every annotation.

    Attributes:
        faults: sentences about what is wrong with those that were left out.

    Raises:
        DataError: the data set cannot be opened, or has faults.
    """

    def __init__(
        self,
        path: Path,
        *,
        password: bytes | None = None,
        skip_bad: bool = False,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        if path.suffix.lower() == ".json" and not path.is_dir():
            raise DataError(
                f"cannot train on {path}: a COCO file has no pictures",
                hint="give the data set's folder with image/ and annos/ in it, or the official zip",
            )
        self._dataset = open_dataset(path, path, password=password)
        labels = self._dataset.read_all(skip_bad=skip_bad, advance=advance)
        self._annotations, self.faults, self._sizes = labels.annotations, labels.faults, labels.sizes

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._annotations)

    @property
    def sizes(self) -> I64:
        """Height and width of every picture as it is shown, (N, 2), in pixels."""
        return np.array([size[:2] for size in self._sizes if size], np.int64)

    def __getitem__(self, index: int) -> tuple[Image8, list[PlainLabel]]:
        """Return one picture, (H, W, 3) uint8 BGR, and its garments."""
        annotation = self._annotations[index]
        content, source = self._dataset.picture(annotation.image_id)
        labels = [PlainLabel(item.category_id, item.landmarks, item.box) for item in annotation.items]
        return decode_picture(content, source=source), labels


class DrawnPictures:
    """A folder of drawings; pictures are read from the disk when they are asked for, labels are in memory.

    Args:
        folder: folder made by `draw_pictures`.

    Attributes:
        folder: folder of the drawings.
        sizes: height and width of every drawing, (N, 2), in pixels.
    """

    sizes: I64

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._pixels = np.load(folder / PIXELS, mmap_mode="r")
            with np.load(folder / LABELS) as labels:
                self._labels = {name: labels[name] for name in labels.files}
            if self._pixels.ndim == 4:  # one size
                self.sizes = np.tile(np.array(self._pixels.shape[1:3], np.int64), (len(self._pixels), 1))
            else:
                self.sizes = self._labels["sizes"]
            self._ends = np.cumsum(3 * self.sizes.prod(axis=1))
            self._pixels = self._pixels.reshape(-1)
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise DataError(f"cannot read the drawings in {folder}: {error}", hint=f"delete {folder}") from error

    def __reduce__(self) -> tuple[type[DrawnPictures], tuple[Path]]:
        """Give another process the folder, not the pixels."""
        return DrawnPictures, (self.folder,)

    @property
    def key(self) -> tuple[int, ...]:
        """Seed, size and number of the drawings, and whether they have mixed shapes (older ones do not say: no)."""
        seed, size, count, *mixed = self._labels["key"].tolist()
        return seed, size, count, *(mixed or [0])

    def __len__(self) -> int:
        """Return the number of drawings."""
        return len(self.sizes)

    def __getitem__(self, index: int) -> tuple[Image8, list[PlainLabel]]:
        """Return one drawing, (H, W, 3), and its garments."""
        first, last = self._labels["items"][index : index + 2]
        height, width = self.sizes[index].tolist()
        end = int(self._ends[index])
        image = np.asarray(self._pixels[end - 3 * height * width : end]).reshape(height, width, 3)
        return image, [self._label(row) for row in range(first, last)]

    def _label(self, row: int) -> PlainLabel:
        start, end = self._labels["rows"][row : row + 2]
        x1, y1, x2, y2 = self._labels["boxes"][row].tolist()
        return PlainLabel(int(self._labels["categories"][row]), self._labels["landmarks"][start:end], (x1, y1, x2, y2))


def draw_pictures(
    folder: Path,
    *,
    seed: int,
    size: int,
    count: int,
    workers: int,
    mixed: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> DrawnPictures:
    """Draw pictures 1 to ``count`` of the set ``seed`` into a folder, or take those that are there already.

    The folder appears when it is complete.

    Args:
        folder: folder to keep them in.
        seed: seed of the drawings.
        size: side of the drawings, in pixels.
        count: number of drawings.
        workers: number of processes that draw; the drawings do not depend on it.
        mixed: whether they have the shapes of `mixed_size` by turns, with ``size`` for the longer side.
        advance: function called after every drawing.

    Raises:
        DataError: the folder holds other drawings, cannot be written, or a process was killed.
    """
    key = (seed, size, count, int(mixed))
    sizes = [mixed_size(size, number) if mixed else (size, size) for number in range(1, count + 1)]
    if folder.exists():
        return _same(DrawnPictures(folder), key)
    items: list[tuple[DrawnItem, ...]] = []
    with whole_folder(folder, explain=_cannot_keep) as hidden:
        with (hidden / PIXELS).open("wb") as file:  # not a map: a full disk would end the process without a word
            shape = (sum(3 * high * wide for high, wide in sizes),) if mixed else (count, size, size, 3)
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for image, labels in _drawn(seed, sizes, workers):
                file.write(image.tobytes())
                items.append(labels)
                advance()
        (hidden / LABELS).write_bytes(_pack(items, sizes, key))
    return DrawnPictures(folder)


def _cannot_keep(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot keep the drawings in {folder}: {error.strerror}")


def _same(found: DrawnPictures, key: tuple[int, ...]) -> DrawnPictures:
    if found.key != key:
        seed, size, count, mixed = found.key
        raise DataError(
            f"{found.folder} holds {count} drawings of seed {seed} and size {size}{_MIXED * mixed},"
            f" not {key[2]} of seed {key[0]} and size {key[1]}{_MIXED * key[3]}",
            hint=f"delete {found.folder}, or train into another folder",
        )
    return found


def _drawn(seed: int, sizes: Sequence[tuple[int, int]], workers: int) -> Iterable[tuple[Image8, tuple[DrawnItem, ...]]]:
    make = partial(_draw_one, seed)
    numbers = range(1, len(sizes) + 1)
    if workers == 1 or len(sizes) <= _CHUNK:
        yield from map(make, numbers, sizes)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(make, numbers, sizes, chunksize=_CHUNK)
        except BrokenProcessPool as error:
            raise DataError(
                "a process that drew pictures was killed", hint="start again, with fewer workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _draw_one(seed: int, number: int, size: tuple[int, int]) -> tuple[Image8, tuple[DrawnItem, ...]]:
    drawing = draw(seed, number, size)
    return drawing.image_bgr_u8, drawing.items


def _pack(pictures: list[tuple[DrawnItem, ...]], sizes: list[tuple[int, int]], key: tuple[int, ...]) -> bytes:
    """Return the labels as one file: items of all pictures in a row, landmarks of all items in a row."""
    items = [item for one in pictures for item in one]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        key=np.array(key),
        sizes=np.array(sizes),
        items=np.cumsum([0, *map(len, pictures)]),
        rows=np.cumsum([0, *(len(item.landmarks) for item in items)]),
        categories=np.array([item.category_id for item in items]),
        boxes=np.array([item.bounding_box for item in items]),
        landmarks=np.concatenate([item.landmarks for item in items]),
    )
    return buffer.getvalue()
