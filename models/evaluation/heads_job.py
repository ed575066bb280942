"""Which heads are to be computed, as values that can be sent to another process and opened there.

`ModelRequest` says of which model, `PictureFiles` of which pictures, `HeadsJob` does them chunk by chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import EngineError
from deepmark.extras import require
from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.datasets.deepfashion2.storage import Storage, open_storage
from deepmark.models.evaluation.compact_heads import CompactHeads, Reach
from deepmark.models.evaluation.picture_heads import CompactLook, PictureHeads, encode
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.engine import Engine, EngineRecord
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_file import decode_picture
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.placed_heads import look
from deepmark.runtime.preprocess import PREPROCESSING

if TYPE_CHECKING:
    from deepmark.models.recognition.deformed import MaskFactor

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin", ".safetensors")
DEFAULT_SIZE = (256, 256)
CHUNK = 16  # pictures of a task: a few seconds of work, a few megabytes of heads


def is_checkpoint(path: Path) -> bool:
    """Tell from its name whether torch shall run it."""
    return path.suffix.lower() in CHECKPOINT_SUFFIXES and not path.is_dir()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model to load.

    Attributes:
        path: a bundle, a bare model file, or a checkpoint, which is run by torch.
        backend: engine of an exported model; None for the first that its files allow.
        size: height and width of a checkpoint's input, in pixels; an exported model brings its own.
        schema: keypoint table of a checkpoint; None for the built-in one with as many groups.
        dcn_mask: factor of the mask of a checkpoint of variant H (`load_checkpoint`); None for every other.
    """

    path: Path
    backend: Backend | None = None
    size: tuple[int, int] = DEFAULT_SIZE
    schema: KeypointSchema | None = None
    dcn_mask: MaskFactor | None = None

    def open(self, threads: int | None, *, pairs: bool = False) -> Engine:
        """Load it.

        Args:
            threads: number of threads to compute with; None for the engine's default.
            pairs: whether it is found out if two pictures are faster in one run, see `load_engine`.

        Raises:
            DeepMarkError: it cannot be loaded, or a library is missing.
        """
        if not is_checkpoint(self.path):
            return load_engine(self.path, threads, self.backend, pairs=pairs)
        require("running a checkpoint", "torch", "onnx", "onnxruntime", extra="export")
        from deepmark.models.evaluation.torch_engine import load_checkpoint_engine

        return load_checkpoint_engine(self.path, self.size, schema=self.schema, dcn_mask=self.dcn_mask, threads=threads)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One picture.

    Attributes:
        image_id: number of the picture.
        name: name of the file, in its folder or zip.
        fingerprint: text that tells its content from any other.
    """

    image_id: int
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """Pictures of a data set.

    Attributes:
        images: the data set's folder, its ``image/``, or the official zip; absolute.
        password: password of the zip; None where it has none.
        files: pictures, in order.
    """

    images: Path
    files: tuple[PictureFile, ...]
    password: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        images: Path,
        image_ids: Iterable[int],
        *,
        password: bytes | None = None,
        advance: Callable[[], None] = lambda: None,
    ) -> PictureFiles:
        """Name the pictures of a data set, which was opened with ``images`` and ``password``.

        Args:
            dataset: data set, opened with its pictures.
            images: folder or zip with the pictures.
            image_ids: numbers of the pictures.
            password: password of the zip; None where it has none.
            advance: function called after every picture: its content is read once, but for a zip's.

        Raises:
            DataError: a picture cannot be read.
        """
        files = []
        for image_id in image_ids:
            fingerprint = dataset.picture_fingerprint(image_id)
            files.append(PictureFile(image_id, dataset.picture_name(image_id), fingerprint))
            advance()
        return cls(images.resolve(), tuple(files), password)


Chunk = tuple[PictureFile, ...]


@dataclass(frozen=True, slots=True)
class HeadsJob:
    """What makes heads of pictures, wherever it is opened.

    Attributes:
        model: model to run.
        made_by: name of what shall run it, see `maker`: elsewhere there may be another version, or another file.
        threads: number of threads of the engine; None for the default.
        reach: decoder parameters that the heads are kept for.
        inference: looks at each picture.
        images: folder or zip with the pictures.
        password: password of the zip; None where it has none.
    """

    model: ModelRequest
    made_by: tuple[str, ...]
    threads: int | None
    reach: Reach
    inference: MultiInference
    images: Path
    password: bytes | None = field(repr=False)

    @contextmanager
    def open(self) -> Iterator[Callable[[Chunk], bytes]]:
        """Load the model and open the pictures; yield a function that gives a chunk's heads, encoded."""
        storage = open_storage(self.images, "image", password=self.password)
        with self.model.open(self.threads) as engine:
            if maker(engine.record) != self.made_by:
                found = maker(engine.record)
                others = [one for one in found if one not in self.made_by] or found
                expected = [one for one in self.made_by if one not in found] or self.made_by
                raise EngineError(
                    f"a worker would run {', '.join(others)}, expected {', '.join(expected)}",
                    hint="all workers must have the same model and the same versions, or their heads would differ",
                )
            yield lambda chunk: encode([self._heads(engine, storage, file) for file in chunk])

    def _heads(self, engine: Engine, storage: Storage, file: PictureFile) -> PictureHeads:
        picture = decode_picture(storage.read(file.name), source=storage.label(file.name))
        schema = engine.manifest.keypoints
        looks = tuple(
            CompactLook(CompactHeads.of(one.heads.dense(), schema, self.reach), one.transform)
            for one in look(engine, picture, self.inference)
        )
        height, width, _ = picture.shape
        return PictureHeads(file.image_id, (height, width), looks)

    def label(self, chunk: Chunk) -> str:
        """Name the pictures."""
        return f"the pictures {chunk[0].image_id} to {chunk[-1].image_id}"


def maker(record: EngineRecord) -> tuple[str, ...]:
    """Name all that may change heads, from a picture's file on.

    MNN's fast convolutions round otherwise with another number of threads (docs/hazards.md).

    OpenCV decodes JPEG files and warps pictures, Pillow decodes the others; their builds bring several versions of each
    format's library. NumPy computes a part of sparse heads.
    """
    import cv2
    import numpy as np
    import PIL

    build = hashlib.sha256(cv2.getBuildInformation().encode()).hexdigest()[:8]
    return (
        f"{record.backend} {record.version}",
        *(f"{name} {value}" for name, value in sorted(record.settings.items())),
        record.device,
        record.precision,
        f"{record.threads} threads",
        f"model {record.model_sha256}",
        f"OpenCV {cv2.__version__} of build {build}",
        f"Pillow {PIL.__version__}",
        f"NumPy {np.__version__}",
        f"pre-processing {PREPROCESSING}",
    )
