"""A network in torch as an engine: what an exported model is held against, and what a training looks through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from deepmark.models.describe import describe
from deepmark.models.loading import LoadedNetwork, LoadReport, load_checkpoint
from deepmark.models.recognition.deformed import MaskFactor
from deepmark.models.recognition.recognise import EXPLANATIONS
from deepmark.runtime.arrays import F32
from deepmark.runtime.cpu import usable_cores
from deepmark.runtime.engines.engine import Engine, EngineRecord, SessionFacts, Shape
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema


class TorchSession:
    """A network on the device where it is. The number of threads is the whole process's while it is open."""

    def __init__(
        self, network: nn.Module, channels: Mapping[str, int], threads: int, settings: Mapping[str, int]
    ) -> None:
        self._network = network.eval()
        self._channels = channels
        self._device = next(network.parameters()).device
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        self.facts = SessionFacts(
            version=str(torch.__version__),
            device=str(self._device).upper(),
            threads=threads,
            precision="fp32",
            settings=settings,
        )

    def output_shapes(self, input_shape: Shape) -> dict[str, tuple[int | None, ...]]:  # noqa: ARG002  the protocol's
        """Return name -> (1, C, None, None): the network takes any size."""
        return {name: (1, channels, None, None) for name, channels in self._channels.items()}

    def run(self, x: F32) -> dict[str, F32]:
        """Run on a (N, 3, H, W) array; `hm` and `hm_hp` come as logits."""
        with torch.inference_mode():
            raw = self._network(torch.from_numpy(x).to(self._device))
        return {name: head.cpu().numpy() for name, head in raw.items()}

    def close(self) -> None:
        """Give the process its threads back."""
        torch.set_num_threads(self._threads_before)


def load_checkpoint_engine(
    path: Path,
    size: tuple[int, int],
    *,
    schema: KeypointSchema | None = None,
    dcn_mask: MaskFactor | None = None,
    threads: int | None = None,
) -> Engine:
    """Load a checkpoint to run as it was trained, in float32.

    Args:
        path: path of the checkpoint.
        size: height and width of the input, in pixels, multiples of 32; a checkpoint does not know its own.
        schema: keypoint schema it was trained with; None for the built-in one with as many groups.
        dcn_mask: factor of the mask of variant H (`load_checkpoint`), which the engine's record then has among its
            settings, as the file is the same with the other; None for every other checkpoint.
        threads: number of threads to compute with; None for the usable cores.

    Raises:
        CheckpointError: it is no checkpoint that can be loaded faithfully, or no schema is known for it.
    """
    asked = usable_cores() if threads is None else threads
    loaded = load_checkpoint(path, schema, dcn_mask=dcn_mask)
    return _engine(loaded, path.name, size, asked, {} if dcn_mask is None else {"dcn_mask": dcn_mask})


def network_engine(network: nn.Module, schema: KeypointSchema, size: tuple[int, int], arch: str = "mdla34") -> Engine:
    """Make an engine of a network that is in no file, for example one in training.

    Args:
        network: a network with all six heads; it is not copied, and is in evaluation mode from here on.
        schema: keypoint schema it is trained with.
        size: height and width of the input, in pixels, multiples of what the network asks for.
        arch: name of the network in `deepmark.models.recognition.architectures.ARCHITECTURES`.
    """
    report = LoadReport(
        file="in memory",
        sha256="",
        container="none",
        architecture=arch,
        variant="A",
        explanation=EXPLANATIONS["A"],
        classes=len(schema.classes),
        groups=schema.num_groups,
        head_conv=256,
        heads=head_channels(len(schema.classes), schema.num_groups),
        parameters=sum(weight.numel() for weight in network.parameters()),
        unused=(),
        dtype="float32",
        besides=(),
    )
    return _engine(LoadedNetwork(network, schema, report), "in memory", size, torch.get_num_threads(), {})


def _engine(
    loaded: LoadedNetwork, name: str, size: tuple[int, int], threads: int, settings: Mapping[str, int]
) -> Engine:
    manifest = describe(loaded, Path(name).stem, size, dynamic=True, logits=True)
    session = TorchSession(loaded.network, loaded.report.heads, min(threads, usable_cores()), settings)
    record = EngineRecord.of(
        session.facts, backend="torch", threads_asked=threads, model_file=name, model_sha256=loaded.report.sha256
    )
    return Engine(session, manifest, record)
