"""Run an exported model: NumPy, OpenCV and one inference engine; no torch, no onnx.

How data flows: ``letterbox`` -> engine -> ``Heads`` -> ``decode`` -> ``Detections``; ``Detector`` does all of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmark.runtime.decoding.decoder import decode as decode
    from deepmark.runtime.detections import Detections as Detections
    from deepmark.runtime.detector import Detector as Detector
    from deepmark.runtime.engines import load_engine as load_engine
    from deepmark.runtime.heads import Heads as Heads
    from deepmark.runtime.params import DecoderParams as DecoderParams
    from deepmark.runtime.sparse_heads import SparseHeads as SparseHeads
    from deepmark.runtime.transform import Letterbox as Letterbox
    from deepmark.runtime.transform import letterbox as letterbox

_HOME = {
    "DecoderParams": "params",
    "Detections": "detections",
    "Detector": "detector",
    "Heads": "heads",
    "Letterbox": "transform",
    "SparseHeads": "sparse_heads",
    "decode": "decoding.decoder",
    "letterbox": "transform",
    "load_engine": "engines",
}

__all__ = [
    "DecoderParams",
    "Detections",
    "Detector",
    "Heads",
    "Letterbox",
    "SparseHeads",
    "decode",
    "letterbox",
    "load_engine",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"deepmark.runtime.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
