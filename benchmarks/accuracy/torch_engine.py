"""A checkpoint as an engine: what an exported model is held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from deepmark.exporter.describe import describe
from deepmark.models.loading import LoadedNetwork, load_checkpoint
from deepmark.models.schema import KeypointSchema
from deepmark.runtime.engines import Engine, EngineRecord, SessionFacts, usable_cores
from deepmark.runtime.engines.engine import Shape

FloatArray = npt.NDArray[np.float32]


class TorchSession:
    """A network on the CPU. The number of threads is the whole process's while it is open."""

    def __init__(self, loaded: LoadedNetwork, threads: int) -> None:
        self._network = loaded.eval()
        self._channels = loaded.report.heads
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        self.facts = SessionFacts(
            version=str(torch.__version__), device="CPU", threads=threads, precision="fp32", settings={}
        )

    def output_shapes(self, input_shape: Shape) -> dict[str, tuple[int | None, ...]]:  # noqa: ARG002  the protocol's
        """Return name -> (1, C, None, None): the network takes any size."""
        return {name: (1, channels, None, None) for name, channels in self._channels.items()}

    def run(self, x: FloatArray) -> dict[str, FloatArray]:
        """Run on a (1, 3, H, W) array; `hm` and `hm_hp` come as logits."""
        with torch.inference_mode():
            raw = self._network(torch.from_numpy(x))
        return {name: head.numpy() for name, head in raw.items()}

    def close(self) -> None:
        """Give the process its threads back."""
        torch.set_num_threads(self._threads_before)


def load_checkpoint_engine(
    path: Path, size: tuple[int, int], *, schema: KeypointSchema | None = None, threads: int | None = None
) -> Engine:
    """Load a checkpoint to run as it was trained, in float32.

    Args:
        path: of the checkpoint.
        size: height, width of the input in pixels, multiples of 32; a checkpoint does not know its own.
        schema: it was trained with; None for the built-in one with as many groups.
        threads: to compute with; None for the usable cores.

    Raises:
        CheckpointError: it is no checkpoint that can be loaded faithfully, or no schema is known for it.
    """
    loaded = load_checkpoint(path, schema)
    asked = usable_cores() if threads is None else threads
    manifest = describe(loaded, path.stem, size, dynamic=False, logits=True)
    session = TorchSession(loaded, min(asked, usable_cores()))
    record = EngineRecord.of(
        session.facts,
        backend="torch",
        threads_asked=asked,
        model_file=path.name,
        model_sha256=loaded.report.sha256,
    )
    return Engine(session, manifest, record)
