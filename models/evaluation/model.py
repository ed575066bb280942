"""Which model is measured, as something that can be sent to another process and opened there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepmark.extras import require
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.keypoints.schema import KeypointSchema

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin", ".safetensors")
DEFAULT_SIZE = (256, 256)


def is_checkpoint(path: Path) -> bool:
    """Tell from its name whether torch shall run it."""
    return path.suffix.lower() in CHECKPOINT_SUFFIXES and not path.is_dir()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model to load.

    Attributes:
        path: a bundle, a bare model file, or a checkpoint, which is run by torch.
        backend: engine of an exported model; None by its files.
        size: height and width of a checkpoint's input, pixels; an exported model brings its own.
        schema: keypoint table of a checkpoint; None for the built-in one with as many groups.
    """

    path: Path
    backend: Backend | None = None
    size: tuple[int, int] = DEFAULT_SIZE
    schema: KeypointSchema | None = None

    def open(self, threads: int | None) -> Engine:
        """Load it.

        Raises:
            DeepMarkError: it cannot be loaded, or a library is missing.
        """
        if not is_checkpoint(self.path):
            return load_engine(self.path, threads, self.backend)
        require("running a checkpoint", "torch", "onnx", "onnxruntime", extra="export")
        from deepmark.models.evaluation.torch_engine import load_checkpoint_engine

        return load_checkpoint_engine(self.path, self.size, schema=self.schema, threads=threads)
