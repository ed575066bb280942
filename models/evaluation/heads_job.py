"""The heads of a few pictures: the work that is spread over processes and clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deepmark.errors import EngineError
from deepmark.models.datasets.deepfashion2.storage import Storage, open_storage
from deepmark.models.evaluation.compact_heads import CompactHeads, Reach
from deepmark.models.evaluation.model import ModelRequest
from deepmark.models.evaluation.picture_heads import PictureHeads, encode
from deepmark.models.evaluation.pictures import PictureFile
from deepmark.runtime.engines.engine import Engine, EngineRecord
from deepmark.runtime.media.picture_file import decode_picture
from deepmark.runtime.transform import letterbox

Chunk = tuple[PictureFile, ...]
CHUNK = 16  # pictures: a few seconds of work, a few megabytes of heads


@dataclass(frozen=True, slots=True)
class HeadsJob:
    """What makes heads of pictures, wherever it is opened.

    Attributes:
        model: to run.
        made_by: the name of what shall run it, see `maker`: elsewhere there may be another version, or another file.
        threads: of the engine; None for the default.
        reach: of the heads.
        images: where the pictures lie.
        password: of their zip.
    """

    model: ModelRequest
    made_by: tuple[str, ...]
    threads: int | None
    reach: Reach
    images: Path
    password: bytes | None = field(repr=False)

    @contextmanager
    def open(self) -> Iterator[Callable[[Chunk], bytes]]:
        """Load the model and open the pictures; yield a function that gives a chunk's heads, encoded."""
        storage = open_storage(self.images, "image", password=self.password)
        with self.model.open(self.threads) as engine:
            if maker(engine.record) != self.made_by:
                raise EngineError(
                    f"a worker would run {', '.join(maker(engine.record))}, expected {', '.join(self.made_by)}",
                    hint="all workers must have the same model and the same versions, or their heads would differ",
                )
            yield lambda chunk: encode([_heads(engine, self.reach, storage, file) for file in chunk])

    def label(self, chunk: Chunk) -> str:
        """Name the pictures."""
        return f"the pictures {chunk[0].image_id} to {chunk[-1].image_id}"


def maker(record: EngineRecord) -> tuple[str, ...]:
    """Name all that may change heads; the number of threads does not."""
    return (record.backend, record.version, record.device, record.precision, record.model_sha256)


def _heads(engine: Engine, reach: Reach, storage: Storage, file: PictureFile) -> PictureHeads:
    picture = decode_picture(storage.read(file.name), source=storage.label(file.name))
    spec = engine.manifest.input
    image_in, _ = letterbox(picture, (spec.height, spec.width))
    heads = CompactHeads.of(engine.heads(image_in).dense(), engine.manifest.keypoints, reach)
    height, width, _ = picture.shape
    return PictureHeads(file.image_id, (height, width), (spec.height, spec.width), heads)
