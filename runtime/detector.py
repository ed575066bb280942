"""Pictures in, garments with landmarks out: letterbox -> engine -> decode -> back to the picture -> suppression."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import Backend, OpenedBundle
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.nms import suppress
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.engines.engine import Engine, EngineRecord
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.heads.maps import ReadableHeads
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.preprocess import require_picture
from deepmark.runtime.transform import Letterbox, letterbox


class Detector:
    """A loaded model with everything around it. Safe to call from several threads.

    Args:
        model: anything that `load_engine` takes, or a loaded engine.
        threads: number of threads to compute with, see `load_engine`; None for its default, and with a loaded engine.
        backend: name of the engine, see `load_engine`; None for its default, and with a loaded engine.
        params: parameters to decode and suppress with; None for the manifest's.

    Attributes:
        engine: loaded engine.
        params: parameters that heads are decoded and suppressed with; those of the manifest if None was given.
        schema: classes and landmarks.

    Example::

        detector = Detector("shirt.deepmark")
        detections = detector(cv2.imread("picture.jpg"))
    """

    def __init__(
        self,
        model: str | Path | OpenedBundle | Engine,
        *,
        threads: int | None = None,
        backend: Backend | Literal["auto"] | None = None,
        params: DecoderParams | None = None,
    ) -> None:
        if isinstance(model, Engine):
            if threads is not None or backend is not None:
                raise TypeError("threads and backend were chosen when the engine was loaded")
            self.engine = model
        else:
            self.engine = load_engine(model, threads=threads, backend=backend)
        self.params = params if params is not None else self.engine.manifest.decoder

    @property
    def schema(self) -> KeypointSchema:
        """Classes and landmarks."""
        return self.engine.manifest.keypoints

    @property
    def record(self) -> EngineRecord:
        """What really runs the model."""
        return self.engine.record

    def __call__(self, image: Image8) -> Detections:
        """Find garments in a picture.

        Args:
            image: (H, W, 3) uint8, BGR, of any size.

        Returns:
            Objects, best first; boxes and landmarks in pixels of this picture.

        Raises:
            DataError: it is no such picture.
            EngineError: the engine failed.
        """
        require_picture(image)
        size = self.engine.manifest.input
        image_in, transform = letterbox(image, (size.height, size.width))
        return detect_in_picture(self.engine.heads(image_in), self.schema, self.params, transform)


def detect_in_picture(
    heads: ReadableHeads, schema: KeypointSchema, params: DecoderParams, transform: Letterbox
) -> Detections:
    """Decode heads, go back to the picture, and suppress there, where boxes have their own shape.

    Args:
        heads: heads of the network for the picture.
        schema: classes and groups of the network.
        params: parameters to decode and suppress with.
        transform: position of the picture in the network's input.

    Raises:
        DataError: the heads do not fit the schema, or hold values that no network gives.
    """
    in_cells = decode(heads, schema, replace(params, nms=None))
    in_pixels = replace(
        in_cells,
        boxes=transform.to_image(in_cells.boxes.reshape(-1, 2, 2)).reshape(-1, 4),
        keypoints=tuple(transform.to_image(points) for points in in_cells.keypoints),
    )
    return suppress(in_pixels, params)
