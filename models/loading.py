"""Checkpoint file -> network, strictly: every tensor fits, or the error says which does not."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from deepmark.errors import CheckpointError
from deepmark.files import printable
from deepmark.models.checkpoint import RawCheckpoint, read_checkpoint
from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.mdla34 import DEAD, MDLA34
from deepmark.models.variants import EXPLANATIONS, OFFSETS, Layout, recognise
from deepmark.runtime.keypoints.schema import KeypointSchema

CLASSIFIER = "base.fc."  # ImageNet's; comes with the pre-trained backbone, no detector reads it
UNUSED = (CLASSIFIER, *DEAD)  # what a file may hold though no forward pass reads it
COUNTERS = ".num_batches_tracked"  # batch normalisation's training counters
DCN_MASK = 0.5  # DCNv2 multiplies by sigmoid(mask), and sigmoid(0) = 0.5
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
        architecture: ``"mdla34"`` or ``"dlav0_34"``.
        variant: letter of `deepmark.models.variants`.
        explanation: the variant in words.
        classes: number of object classes.
        groups: number of landmark channels.
        head_conv: number of channels inside the heads; 0 for heads of one convolution.
        heads: channels of each head by name, in the network's order.
        parameters: number of the network's parameters, as the paper counts them: without the ImageNet classifier, with
            the projections that no forward pass reads (`deepmark.models.mdla34.DEAD`; 41,728 of 19,512,061).
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

    def eval(self) -> nn.Module:
        """Return the network in evaluation mode."""
        return self.network.eval()


def load_checkpoint(path: str | Path, schema: KeypointSchema | None = None) -> LoadedNetwork:
    """Load a CenterNet or mDLA-34 checkpoint.

    Args:
        path: path of a PyTorch file or a safetensors file.
        schema: keypoint schema it was trained with; None for the built-in one with these counts.

    Raises:
        CheckpointError: the file is no checkpoint, not one of a network that can be exported faithfully, incomplete,
            not finite, or of another schema.
    """
    raw = read_checkpoint(Path(path))
    source = str(path)
    layout = recognise(
        {name: tuple(tensor.shape) for name, tensor in raw.tensors.items()},
        source,
        is_zero=lambda name: not raw.tensors[name].any(),
    )
    if schema is not None:
        _check_schema(schema, layout, source)
    network = build_network(layout, device="meta")
    used = _canonical(raw.tensors, layout)
    _check_fit(used, network, layout, source)
    weights = {name: _float32(name, tensor, source) for name, tensor in used.items()}
    _check_values(weights, source)
    halved = {_deformed(name) for name in raw.tensors}
    weights = {name: DCN_MASK * weight if name in halved else weight for name, weight in weights.items()}
    network.load_state_dict({**_fillers(network), **weights}, strict=True, assign=True)
    report = _report(source, raw, layout, network)
    logger.info(
        "loaded %s: %s, variant %s, %d parameters", source, layout.architecture, layout.variant, report.parameters
    )
    return LoadedNetwork(
        network=network.eval().requires_grad_(False),
        schema=schema or KeypointSchema.builtin(layout.classes, layout.groups),
        report=report,
    )


def build_network(layout: Layout, *, device: str = "cpu") -> nn.Module:
    """Build the network of a layout with fresh weights, or without any on the device ``"meta"``."""
    with torch.device(device):
        if layout.architecture == "dlav0_34":
            return DLAv0(layout.heads, head_conv=layout.head_conv)
        return MDLA34(layout.heads, head_conv=layout.head_conv, block_bias=layout.block_bias)


def _canonical(tensors: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Leave out what is ignored and give the rest the names of our networks."""
    kept = {name: t for name, t in tensors.items() if not (name.startswith(CLASSIFIER) or name.endswith(COUNTERS))}
    if layout.variant == "F":  # the offsets say nothing but zero, if they belong to a convolution
        return {name: t for name, t in kept.items() if _deformed(name) not in kept}
    if layout.variant == "C":
        block = re.compile(r"((?:dla_up\.ida_\d|ida_up)\.(?:proj|node)_\d)\.([01])\.")
        new = {"0": "conv", "1": "actf.0"}
        return {block.sub(lambda m: f"{m[1]}.{new[m[2]]}.", name): t for name, t in kept.items()}
    return kept


def _deformed(name: str) -> str | None:
    """Return the weight that a DCNv2 offset tensor belongs to, or None for any other tensor."""
    block, offsets, _ = name.partition(OFFSETS)
    return f"{block}.weight" if offsets else None


def _check_fit(tensors: Mapping[str, Tensor], network: nn.Module, layout: Layout, source: str) -> None:
    expected = {n: tuple(t.shape) for n, t in network.state_dict().items() if not n.endswith(COUNTERS)}
    missing = [name for name in expected if name not in tensors and not name.startswith(DEAD)]
    unexpected = [name for name in tensors if name not in expected]
    misshaped = [
        f"{name} {list(tensors[name].shape)} instead of {list(shape)}"
        for name, shape in expected.items()
        if name in tensors and tuple(tensors[name].shape) != shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": misshaped}
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
        raise CheckpointError(f"{source} has negative variances in {len(negative)} tensors: {_first(negative)}")


def _fillers(network: nn.Module) -> dict[str, Tensor]:
    """Make zeros for what a file may lack because no forward pass reads it."""
    return {
        name: torch.zeros(tensor.shape, dtype=tensor.dtype)
        for name, tensor in network.state_dict().items()
        if name.startswith(DEAD) or name.endswith(COUNTERS)
    }


def _check_schema(schema: KeypointSchema, layout: Layout, source: str) -> None:
    expected = (len(schema.classes), schema.num_groups)
    if expected != (layout.classes, layout.groups):
        raise CheckpointError(
            f"{source} has {layout.classes} classes and {layout.groups} landmark groups, but the schema"
            f" {schema.name!r} has {expected[0]} classes and {expected[1]} groups",
            hint="give the schema that the network was trained with (--schema CSV)",
        )


def _report(source: str, raw: RawCheckpoint, layout: Layout, network: nn.Module) -> LoadReport:
    unused = [name for name in raw.tensors if name.startswith(UNUSED) and not name.endswith(COUNTERS)]
    dtypes = {str(t.dtype).removeprefix("torch.") for n, t in raw.tensors.items() if not n.endswith(COUNTERS)}
    return LoadReport(
        file=printable(Path(source)),
        sha256=raw.sha256,
        container=raw.container,
        architecture=layout.architecture,
        variant=layout.variant,
        explanation=EXPLANATIONS[layout.variant],
        classes=layout.classes,
        groups=layout.groups,
        head_conv=layout.head_conv,
        heads=dict(layout.heads),
        parameters=sum(p.numel() for p in network.parameters()),
        unused=tuple(unused),
        dtype=", ".join(sorted(dtypes)),
        besides=raw.besides,
    )
