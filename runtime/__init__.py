"""Run an exported model: NumPy, OpenCV, Pillow and one inference engine; no torch, no onnx.

How data flows: ``letterbox`` -> engine -> ``Heads`` -> ``decode`` -> ``Detections``; ``Detector`` does all of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmark.runtime.decoding.decoder import decode as decode
    from deepmark.runtime.decoding.params import DecoderParams as DecoderParams
    from deepmark.runtime.detections import Detections as Detections
    from deepmark.runtime.detector import Detector as Detector
    from deepmark.runtime.engines.loading import load_engine as load_engine
    from deepmark.runtime.heads.maps import Heads as Heads
    from deepmark.runtime.heads.sparse import SparseHeads as SparseHeads
    from deepmark.runtime.keypoints.schema import KeypointSchema as KeypointSchema
    from deepmark.runtime.media.picture_file import read_picture as read_picture
    from deepmark.runtime.transform import Letterbox as Letterbox
    from deepmark.runtime.transform import letterbox as letterbox

_HOME = {
    "DecoderParams": "decoding.params",
    "Detections": "detections",
    "Detector": "detector",
    "Heads": "heads.maps",
    "KeypointSchema": "keypoints.schema",
    "Letterbox": "transform",
    "SparseHeads": "heads.sparse",
    "decode": "decoding.decoder",
    "letterbox": "transform",
    "load_engine": "engines.loading",
    "read_picture": "media.picture_file",
}

__all__ = [
    "DecoderParams",
    "Detections",
    "Detector",
    "Heads",
    "KeypointSchema",
    "Letterbox",
    "SparseHeads",
    "decode",
    "letterbox",
    "load_engine",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"deepmark.runtime.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
