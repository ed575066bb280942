"""Make a checkpoint of any architecture with seeded weights, to try an export without a training.

    python -m deepmark.models.seeded resnet18-dcn net.pth
    python -m deepmark.models.seeded hourglass104 net.pth --case persons --stacks 1

The weights mean nothing, but are as in a trained network in what an export must get right: normalisations do something,
kernels are not symmetric, deformable convolutions have offsets, heatmaps have peaks, and boxes have a size. The same
seed gives the same file.
"""

from __future__ import annotations

import math
import zlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from deepmark.console import say
from deepmark.models.loading import build_network
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.recognition.layout import Layout
from deepmark.runtime.keypoints.head_names import HEAD_ORDER, head_channels

CASES = {"garments": (13, 62), "persons": (1, 17), "boxes": (80, 0)}  # classes and landmark groups
BOX_CELLS = 9.0  # mean width and height of a box
OFFSET_GAIN = 0.3  # of the last layers of offset branches: offsets of about a pixel


def seeded_checkpoint(
    architecture: str, case: str = "garments", *, stacks: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """Make weights by the names of CenterNet's files.

    Args:
        architecture: name of `ARCHITECTURES`.
        case: name of `CASES`.
        stacks: number of stacks of an hourglass.
        seed: seed of the weights.
    """
    row = ARCHITECTURES[architecture]
    body = replace(row.body, stacks=stacks) if row.body.stacks > 1 else row.body
    network = build_network(Layout(body, head_channels(*CASES[case]), row.head_conv), device="meta")
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    return {row.family.to_file(name, body): _value(name, shape, shapes, seed) for name, shape in shapes.items()}


def _value(name: str, shape: tuple[int, ...], shapes: dict[str, tuple[int, ...]], seed: int) -> Tensor:
    """Make one tensor from its name alone, so that architectures of the same parts share their weights."""
    random = torch.Generator().manual_seed((seed << 32) + zlib.crc32(name.encode()))
    module, _, kind = name.rpartition(".")

    def normal(mean: float, spread: float) -> Tensor:
        return torch.empty(shape).normal_(mean, spread, generator=random)

    if kind == "num_batches_tracked":
        return torch.tensor(1000)
    if kind == "running_var":
        return torch.empty(shape).uniform_(0.5, 1.8, generator=random)
    if kind == "running_mean":
        return normal(0, 0.15)
    if f"{module}.running_var" in shapes:
        ends_residual = module.endswith("bn3") or (module.endswith("bn2") and f"{module[:-1]}3.weight" not in shapes)
        return normal(0.35 if ends_residual else 0.85, 0.1) if kind == "weight" else normal(0, 0.15)
    head = next((part for part in name.split(".") if part in HEAD_ORDER), None)
    if head and (module.endswith(".2") or module == head):
        return _last_of_head(head, kind, normal, shape)
    if kind == "bias":
        return normal(0, 0.05)
    taps_of_output = shape[0] * 4 if len(shape) == 4 and shape[-1] == 4 and shape[1] > 1 else math.prod(shape[1:])
    gain = OFFSET_GAIN if module.endswith("conv_offset_mask") else 1.0
    return normal(0, gain * math.sqrt(2 / taps_of_output))


def _last_of_head(head: str, kind: str, normal: Callable[[float, float], Tensor], shape: tuple[int, ...]) -> Tensor:
    if kind == "weight":
        return normal(0, (2.0 if head.startswith("hm") else 0.5) / math.sqrt(shape[1]))
    means = {"hm": -2.19, "hm_hp": -2.19, "wh": BOX_CELLS, "reg": 0.5, "hp_offset": 0.5}
    return normal(means.get(head, 0.0), 0.3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a checkpoint, as asked for on the command line."""
    options = _options(arguments)
    tensors = seeded_checkpoint(options.architecture, options.case, stacks=options.stacks, seed=options.seed)
    torch.save({"epoch": 0, "state_dict": tensors}, options.path)
    say(f"wrote {options.path}: {options.architecture}, {options.case}, seed {options.seed}")


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m deepmark.models.seeded", description="Make a checkpoint of seeded weights.")
    parser.add_argument(
        "architecture", choices=list(ARCHITECTURES), metavar="ARCHITECTURE", help="Name of the network."
    )
    parser.add_argument("path", type=Path, metavar="OUT.pth", help="File to write.")
    parser.add_argument(
        "--case", choices=list(CASES), default="garments", help="What it finds.  [default: %(default)s]"
    )
    parser.add_argument("--stacks", type=int, choices=[1, 2], default=2, help="Stacks of an hourglass.  [default: 2]")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the weights.  [default: 0]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
