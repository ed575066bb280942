"""Pictures in, garments with landmarks out: letterbox -> engine -> decode -> back to the picture -> suppression.

With several scales the middle happens once for each, and the last step merges what all of them found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import Backend, OpenedBundle, open_bundle
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.nms import suppress
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.engines.engine import Engine, EngineRecord
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.multi_inference import MultiInference, ScalesMode, listed_scales
from deepmark.runtime.placed_heads import PlacedHeads, look
from deepmark.runtime.preprocess import require_picture
from deepmark.runtime.refinement.refiner import Refiner


class Detector:
    """A loaded model with everything around it. Safe to call from several threads.

    Args:
        model: anything that `load_engine` takes, or a loaded engine.
        threads: number of threads to compute with, see `load_engine`; None for its default, and with a loaded engine.
        backend: name of the engine, see `load_engine`; None for its default, and with a loaded engine.
        params: parameters to decode and suppress with; None for the manifest's.
        flip: whether the heads are the mean of the picture and its mirror image: better, for twice the time.
        scales: factors of the picture's size to look at, see `MultiInference`; what they find is merged.
        scales_mode: ``"fix"`` or ``"keep"``, see `MultiInference`.
        fit: ``"square"``: the network's input has one size; ``"rect"``: it has each picture's own shape, which is less
            work where that is not square; None for what the model's manifest says.
        refiner: loaded refiner of landmarks, which stays the caller's; None to leave them as they were found.

    Attributes:
        engine: loaded engine.
        params: parameters that heads are decoded and suppressed with; those of the manifest if None was given.
        inference: looks at every picture.
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
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
        scales_mode: ScalesMode = "fix",
        fit: Fit | None = None,
        refiner: Refiner | None = None,
    ) -> None:
        asked = MultiInference(flip, listed_scales(scales), scales_mode, fit)
        if isinstance(model, Engine):
            if threads is not None or backend is not None:
                raise TypeError("threads and backend were chosen when the engine was loaded")
            self.inference = asked.for_model(model.manifest)
            self.engine = model
        else:
            model = model if isinstance(model, OpenedBundle) else open_bundle(model)
            self.inference = asked.for_model(model.manifest)
            self.engine = load_engine(model, threads=threads, backend=backend, pairs=flip)
        self.params = params if params is not None else self.engine.manifest.decoder
        if refiner is not None:
            refiner.require_schema(self.schema, f"the model {self.engine.manifest.name}")
        self._refiner = refiner

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
            DataError: it is no such picture, or it would be too large at one of the scales.
            EngineError: an engine failed.
        """
        require_picture(image)
        found = detect_in_picture(look(self.engine, image, self.inference), self.schema, self.params)
        return found if self._refiner is None else self._refiner(image, found)


def detect_in_picture(looks: Iterable[PlacedHeads], schema: KeypointSchema, params: DecoderParams) -> Detections:
    """Decode every look at a picture, go back to the picture, and suppress there, where boxes have their own shape.

    Several looks find the same objects: their detections are merged by suppression, Gaussian if ``params`` ask for
    none.

    Args:
        looks: heads of the network for the picture, at least one.
        schema: classes and groups of the network.
        params: parameters to decode and suppress with.

    Raises:
        DataError: the heads do not fit the schema, or hold values that no network gives.
    """
    parts = [_in_pixels(one, schema, params) for one in looks]
    if len(parts) == 1:
        return suppress(parts[0], params)
    return suppress(Detections.best_first(parts), params if params.nms else replace(params, nms="soft"))


def _in_pixels(one: PlacedHeads, schema: KeypointSchema, params: DecoderParams) -> Detections:
    in_cells = decode(one.heads, schema, replace(params, nms=None))
    transform = one.transform
    return replace(
        in_cells,
        boxes=transform.to_image(in_cells.boxes.reshape(-1, 2, 2)).reshape(-1, 4),
        keypoints=tuple(transform.to_image(points) for points in in_cells.keypoints),
    )
