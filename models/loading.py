"""Checkpoint file -> network, strictly: every tensor fits, or the error says which does not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from deepmark.errors import CheckpointError
from deepmark.files import printable
from deepmark.models.checkpoint import RawCheckpoint, read_checkpoint
from deepmark.models.networks import KeypointNetwork
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.recognition.deformed import MaskFactor
from deepmark.models.recognition.layout import Layout
from deepmark.models.recognition.recognise import COUNTERS, Recognised, recognise
from deepmark.runtime.keypoints.head_names import shown_counts
from deepmark.runtime.keypoints.schema import KeypointSchema

FLOATS = frozenset((torch.float32, torch.float16, torch.bfloat16, torch.float64))
LISTED = 10  # names in an error

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was found in a checkpoint.

    Attributes:
        file: path of the file as given.
        sha256: SHA-256 of the file, in hexadecimal.
        container: ``"PyTorch zip"``, ``"PyTorch legacy pickle"`` or ``"safetensors"``.
        architecture: name of `deepmark.models.recognition.architectures.ARCHITECTURES`.
        variant: letter of `deepmark.models.recognition.recognise`.
        explanation: the variant in words.
        classes: number of object classes.
        groups: number of landmark channels.
        head_conv: number of channels inside the heads; 0 for heads of one convolution.
        heads: channels of each head by name, in the network's order.
        parameters: number of the network's parameters, as the paper counts them: without the ImageNet classifier, with
            what no forward pass reads (`deepmark.models.mdla34.DEAD`, 41,728 of 19,512,061; an Hourglass's heads of
            earlier stacks).
        unused: tensors in the file that no forward pass reads; training counters are not listed.
        dtype: stored type of the weights; several are joined by commas. The network is always float32.
        besides: names of what stands in the file beside the weights and was not used, for example the optimizer.
    """

    file: str
    sha256: str
    container: str
    architecture: str
    variant: str
    explanation: str
    classes: int
    groups: int
    head_conv: int
    heads: dict[str, int]
    parameters: int
    unused: tuple[str, ...]
    dtype: str
    besides: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedNetwork:
    """A network with its weights.

    Attributes:
        network: network in evaluation mode, without gradients; (B, 3, H, W) normalised float32 -> {name: (B, C, H/4,
            W/4)} raw heads.
        schema: keypoint schema, given or built in with the same counts; None where there is none.
        report: account of what was found in the file.
    """

    network: nn.Module
    schema: KeypointSchema | None
    report: LoadReport

    @property
    def multiple(self) -> int:
        """Number of pixels that height and width of the input must be multiples of."""
        return ARCHITECTURES[self.report.architecture].multiple

    def eval(self) -> nn.Module:
        """Return the network in evaluation mode."""
        return self.network.eval()


def load_checkpoint(
    path: str | Path, schema: KeypointSchema | None = None, *, dcn_mask: MaskFactor | None = None
) -> LoadedNetwork:
    """Load a checkpoint of CenterNet or of the paper's network.

    Args:
        path: path of a PyTorch file or a safetensors file.
        schema: keypoint schema it was trained with; None for the built-in one with these counts.
        dcn_mask: factor of the mask in deformable convolutions of a torchvision wrapper (variant H), which such a file
            does not say; None for every other file.

    Raises:
        CheckpointError: the file is no checkpoint, not one of a network that can be exported faithfully, incomplete,
            not finite, or of another schema.
    """
    raw = read_checkpoint(Path(path))
    source = str(path)
    found = recognise(raw.tensors, source, mask=dcn_mask)
    if schema is not None:
        _check_schema(schema, found.layout, source)
    network = build_network(found.layout, device="meta")
    _check_fit(found, network, source)
    weights = {name: _float32(name, tensor, source) for name, tensor in found.tensors.items()}
    _check_values(weights, source)
    weights |= {name: scale * weights[name] for name, scale in found.scales.items()}
    network.load_state_dict({**_fillers(network, found), **weights}, strict=True, assign=True)
    report = _report(source, raw, found, network)
    logger.info(
        "loaded %s: %s, variant %s, %d parameters", source, report.architecture, report.variant, report.parameters
    )
    return LoadedNetwork(
        network=network.eval().requires_grad_(False),
        schema=schema or KeypointSchema.builtin(report.classes, report.groups),
        report=report,
    )


def build_network(layout: Layout, *, device: str = "cpu") -> KeypointNetwork:
    """Build the network of a layout with fresh weights, or without any on the device ``"meta"``."""
    with torch.device(device):
        return ARCHITECTURES[layout.architecture].family.build(layout)


def _check_fit(found: Recognised, network: nn.Module, source: str) -> None:
    tensors, layout = found.tensors, found.layout
    expected = {n: tuple(t.shape) for n, t in network.state_dict().items() if not n.endswith(COUNTERS)}
    missing = [name for name in expected if name not in tensors and not name.startswith(found.family.optional)]
    unexpected = [name for name in tensors if name not in expected]
    misshaped = [name for name, shape in expected.items() if name in tensors and tuple(tensors[name].shape) != shape]
    faults = {
        "missing": [found.file_name(name) for name in missing],
        "unexpected": [found.file_name(name) for name in unexpected],
        "of another shape": [
            f"{found.file_name(name)} {list(tensors[name].shape)} instead of {list(expected[name])}"
            for name in misshaped
        ],
    }
    if any(faults.values()):
        listed = "; ".join(f"{len(names)} {what}: {_first(names)}" for what, names in faults.items() if names)
        raise CheckpointError(
            f"{source} does not fit {layout.architecture} (variant {layout.variant}): {listed}",
            hint="nothing was loaded; a network with untrained parts would find nonsense",
        )


def _first(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def _float32(name: str, tensor: Tensor, source: str) -> Tensor:
    if tensor.dtype not in FLOATS:
        raise CheckpointError(
            f"{source}: {name} must hold float32, float16, bfloat16 or float64, found"
            f" {str(tensor.dtype).removeprefix('torch.')}",
            hint="export from the checkpoint as it was trained, before any quantisation",
        )
    return tensor.to(torch.float32).contiguous()


def _check_values(weights: Mapping[str, Tensor], source: str) -> None:
    ranges = {name: torch.stack(torch.aminmax(tensor)) for name, tensor in weights.items()}  # NaN wins both
    bad = [name for name, lowest_highest in ranges.items() if not torch.isfinite(lowest_highest).all()]
    if bad:
        raise CheckpointError(
            f"{source} has NaN or infinite values in {len(bad)} of {len(weights)} tensors: {_first(bad)}",
            hint="the training diverged, or float16 overflowed: use an earlier checkpoint",
        )
    negative = [name for name, (lowest, _) in ranges.items() if name.endswith("running_var") and lowest < 0]
    if negative:
        raise CheckpointError(
            f"{source} has negative variances in {len(negative)} tensors: {_first(negative)}",
            hint="the file is damaged, or was averaged wrongly: use an earlier checkpoint",
        )


def _fillers(network: nn.Module, found: Recognised) -> dict[str, Tensor]:
    """Make zeros for what a file may lack because no forward pass reads it."""
    return {
        name: torch.zeros(tensor.shape, dtype=tensor.dtype)
        for name, tensor in network.state_dict().items()
        if name.startswith(found.family.optional) or name.endswith(COUNTERS)
    }


def _check_schema(schema: KeypointSchema, layout: Layout, source: str) -> None:
    expected = (len(schema.classes), schema.num_groups)
    if expected != (layout.classes, layout.groups):
        raise CheckpointError(
            f"{source} has {shown_counts(layout.classes, layout.groups)}, but the schema {schema.name!r} has"
            f" {shown_counts(*expected)}",
            hint="give the schema that the network was trained with (--schema CSV)",
        )


def _report(source: str, raw: RawCheckpoint, found: Recognised, network: nn.Module) -> LoadReport:
    layout = found.layout
    dtypes = {str(t.dtype).removeprefix("torch.") for n, t in raw.tensors.items() if not n.endswith(COUNTERS)}
    return LoadReport(
        file=printable(Path(source)),
        sha256=raw.sha256,
        container=raw.container,
        architecture=layout.architecture,
        variant=layout.variant,
        explanation=found.explanation,
        classes=layout.classes,
        groups=layout.groups,
        head_conv=layout.head_conv,
        heads=dict(layout.heads),
        parameters=sum(p.numel() for p in network.parameters()),
        unused=found.unread,
        dtype=", ".join(sorted(dtypes)),
        besides=raw.besides,
    )
