"""What a network says of one picture at every scale, flip test or not, and where the picture lay in its input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import Image8
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.heads.flipped import FlippedHeads
from deepmark.runtime.heads.maps import ReadableHeads
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.scaled_view import ScaledView
from deepmark.runtime.transform import Letterbox


@dataclass(frozen=True, slots=True, eq=False)
class PlacedHeads:
    """Heads of one look at a picture.

    Attributes:
        heads: heads of the network.
        transform: place of the picture in the network's input.
    """

    heads: ReadableHeads
    transform: Letterbox


def look(engine: Engine, image_bgr_u8: Image8, inference: MultiInference) -> Iterator[PlacedHeads]:
    """Run a network on a picture, scale by scale.

    Args:
        engine: loaded model, which ``inference`` is for (`MultiInference.for_model`).
        image_bgr_u8: (h, w, 3) uint8, of any size from 1x1 on.
        inference: looks at the picture.

    Raises:
        DataError: the picture would be too large at some scale.
        EngineError: the engine failed.
    """
    spec = engine.manifest.input
    for factor in inference.scales:
        view = ScaledView.of(image_bgr_u8.shape[:2], spec, factor, inference)
        image_in = view.draw(image_bgr_u8)
        yield PlacedHeads(read_heads(engine, image_in, flip=inference.flip), view.transform)


def read_heads(engine: Engine, image_in: Image8, *, flip: bool) -> ReadableHeads:
    """Run a network on its input (H, W, 3) uint8; with ``flip`` on its mirror image too, see `FlippedHeads`.

    The mirror image is that of the input, letterbox included: its heatmap lies cell on cell.
    """
    if not flip:
        return engine.heads(image_in)
    mirror_image = np.ascontiguousarray(image_in[:, ::-1])
    own = (engine.manifest.input.height, engine.manifest.input.width)
    if engine.together and image_in.shape[:2] == own:
        plain, mirrored = engine.heads_together((image_in, mirror_image))
    else:
        plain, mirrored = engine.heads(image_in), engine.heads(mirror_image)
    groups = np.array(engine.manifest.keypoints.mirror_groups, np.intp)
    return FlippedHeads.of(plain, mirrored, groups)
