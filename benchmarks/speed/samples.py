"""The pictures that every contestant runs on, and the files that carry them to the processes which do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from deepmark.benchmarks.result.document import PictureRecord
from deepmark.errors import BundleError, DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import OpenedBundle

MAX_PICTURES = 16
MAX_PIXELS = 64 << 20  # of all together: they stay in the memory of every child


@dataclass(frozen=True, slots=True, eq=False)
class SamplePictures:
    """Pictures to run on.

    Attributes:
        source: name of where they come from.
        images: images (H, W, 3), blue, green, red, of any sizes.
    """

    source: str
    images: tuple[Image8, ...]

    def record(self) -> PictureRecord:
        """Describe them for the document of results."""
        digest = hashlib.sha256(b"".join(image.tobytes() for image in self.images)).hexdigest()
        sizes = tuple((image.shape[0], image.shape[1]) for image in self.images)
        return PictureRecord(source=self.source, sizes=sizes, sha256=digest)


def gather(folder: Path | None, models: Sequence[OpenedBundle], shape: tuple[int, int] | None = None) -> SamplePictures:
    """Return the first `MAX_PICTURES` of a folder; by default the golden inputs of the first model that has some.

    Seeded noise among those is left out: it decodes into more than any picture. So are inputs of another size than the
    model's own: with them times would be of two kinds.

    Args:
        folder: folder of pictures; None for those that are at hand.
        models: models to measure.
        shape: width to height that every picture is cut to; None to leave them as they are.

    Raises:
        DataError: the folder has no picture, one cannot be read, or they are too large for all children to hold.
    """
    found = _at_hand(models) if folder is None else SamplePictures(folder.name, _read(folder, quiet=False))
    return _checked(found if shape is None else _cut(found, shape))


def _cut(pictures: SamplePictures, shape: tuple[int, int]) -> SamplePictures:
    from deepmark.exporter.pictures import cut_to_shape

    width, height = shape
    images = tuple(np.ascontiguousarray(cut_to_shape(image, (height, width))) for image in pictures.images)
    return SamplePictures(f"{pictures.source}, cut to {width}:{height}", images)


def _at_hand(models: Sequence[OpenedBundle]) -> SamplePictures:
    from deepmark.exporter.vectors import read_vectors

    for model in models:
        try:
            vectors = read_vectors(model)
        except BundleError:  # a bare model file, or a bundle without vectors
            continue
        own = (model.manifest.input.height, model.manifest.input.width)
        usual = [one.picture for one in vectors if one.picture.image.shape[:2] == own]
        images = [one.image for one in usual if one.name != "noise"] or [vectors[0].picture.image]
        return SamplePictures(f"golden inputs of {model.manifest.name}", tuple(images))
    return SamplePictures("drawings of this program", _read(Path(str(files("deepmark.exporter") / "data")), quiet=True))


def _read(folder: Path, *, quiet: bool) -> tuple[Image8, ...]:
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.media.picture_folder import PICTURE_SUFFIXES, list_pictures

    paths = list_pictures(folder, quiet=quiet)
    if not paths:
        raise DataError(f"{folder} holds no pictures", hint=f"expected {', '.join(PICTURE_SUFFIXES)}")
    return tuple(read_picture(path) for path in paths[:MAX_PICTURES])


def _checked(pictures: SamplePictures) -> SamplePictures:
    pixels = sum(image.shape[0] * image.shape[1] for image in pictures.images)
    if pixels > MAX_PIXELS:
        raise DataError(
            f"the pictures of {pictures.source} have {pixels:,} pixels, at most {MAX_PIXELS:,} fit into the benchmark",
            hint="give fewer, or smaller ones",
        )
    return pictures


def save(pictures: SamplePictures, path: Path) -> None:
    """Write pictures for the children."""
    np.savez(path, allow_pickle=False, **{f"{number:03}": image for number, image in enumerate(pictures.images)})


def load(path: Path) -> list[Image8]:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return [file[name] for name in sorted(file.files)]


def encode_ppm(image: Image8) -> bytes:
    """Return the file of an image.

    Args:
        image: image (H, W, 3), blue, green, red.
    """
    height, width, _ = image.shape
    return f"P6\n{width} {height}\n255\n".encode() + image[:, :, ::-1].tobytes()


def write_ppm_files(images: Iterable[Image8], folder: Path) -> None:
    """Write images into a new folder, in the order of their names."""
    folder.mkdir()
    for number, image in enumerate(images):
        (folder / f"{number:06}.ppm").write_bytes(encode_ppm(image))
