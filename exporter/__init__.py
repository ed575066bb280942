"""Turn a trained checkpoint into a bundle for the phone, and prove it equal to the network.

How data flows: checkpoint -> network -> ``to_onnx`` (simplified if asked for) -> ``to_mnn`` -> ``parity`` at every hop
-> ``staging`` writes the bundle; ``pipeline.export`` does all of it, ``verification`` proves it again elsewhere.
``precision`` makes smaller models and says what they cost, ``tuning`` finds the decoder's parameters.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmark.exporter.parity import ParityReport as ParityReport
    from deepmark.exporter.parity import Tolerances as Tolerances
    from deepmark.exporter.pipeline import ExportResult as ExportResult
    from deepmark.exporter.pipeline import export as export

_HOME = {"ExportResult": "pipeline", "ParityReport": "parity", "Tolerances": "parity", "export": "pipeline"}

__all__ = ["ExportResult", "ParityReport", "Tolerances", "export"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"deepmark.exporter.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
