"""Count parameters and arithmetic of a network, layer by layer, from the shapes of a real forward pass.

Nothing is assumed of the network: hooks read the shapes while a pass runs, as a rule on torch's ``meta`` device, which
computes shapes and no values. Two conventions, because published figures differ in theirs:

``multiply_adds``
    true multiply-adds of the exported graph: convolutions, transposed ones by input pixels; batch normalisation is
    folded into its convolution; what no output needs is not there. FLOPs are twice that.
``paper``
    what the paper's tables count ("GFLOPs"), the convention of the profiler ``thop`` in May 2020: 1 per multiply-add,
    1 per output element for a convolution's bias, 2 per element of a batch normalisation, transposed convolutions by
    output pixels, and the two projections that nothing reads (`deepmark.models.mdla34.DEAD`). It is settled against the
    paper's figures for DLA-34 without deformable convolutions, and for no other network: theirs is None.

A deformable convolution counts as its dense 3x3 convolution and that of its offset branch; its samples are counted
apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from deepmark.models.deformable import KERNEL, DeformableConv2d
from deepmark.models.mdla34 import DEAD
from deepmark.runtime.keypoints.head_names import GATHERED_HEADS

CONVENTIONS = {
    "multiply_adds": "true multiply-adds of the exported graph (FLOPs are twice that)",
    "paper": "the paper's convention (thop, May 2020: 1 per multiply-add and bias, 2 per normalised element)",
}


@dataclass(frozen=True, slots=True)
class NetworkLayerCost:
    """One layer.

    Attributes:
        name: dotted name of the module in the network.
        multiply_adds: true multiply-adds; 0 for a layer that no output needs.
        paper: operations in the paper's convention.
        samples: bilinear samples of a deformable convolution, of 4 multiply-adds and a product with the mask each.
    """

    name: str
    multiply_adds: int
    paper: int
    samples: int = 0


@dataclass(frozen=True, slots=True)
class NetworkPartCost:
    """A network, or a part of it: ``base``, ``dla_up``, ``ida_up`` or one head.

    Attributes:
        parameters: number of trained values.
        multiply_adds: true multiply-adds for one image.
        paper: operations in the paper's convention for one image; None where that convention is not settled.
        samples: bilinear samples of deformable convolutions for one image.
    """

    parameters: int
    multiply_adds: int
    paper: int | None
    samples: int = 0


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """A network at one input size.

    Attributes:
        height: height of the input, in pixels.
        width: width of the input, in pixels.
        total: cost of the whole network.
        parts: cost of each part by its name, in the network's order.
    """

    height: int
    width: int
    total: NetworkPartCost
    parts: dict[str, NetworkPartCost]


def network_cost(network: nn.Module, size: tuple[int, int]) -> NetworkCost:
    """Count a network, in evaluation mode, for one image of ``size`` (height, width)."""
    layers = layer_costs(network, size)
    settled = follows_the_paper(network)

    def add_up(module: nn.Module, mine: list[NetworkLayerCost]) -> NetworkPartCost:
        return NetworkPartCost(
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            multiply_adds=sum(layer.multiply_adds for layer in mine),
            paper=sum(layer.paper for layer in mine) if settled else None,
            samples=sum(layer.samples for layer in mine),
        )

    parts = {
        name: add_up(part, [layer for layer in layers if layer.name.partition(".")[0] == name])
        for name, part in network.named_children()
    }
    return NetworkCost(*size, add_up(network, layers), parts)


def gathered_share(network: nn.Module, size: tuple[int, int]) -> float:
    """Return the share of the multiply-adds that sparse heads leave out at the most: those of `GATHERED_HEADS`.

    Args:
        network: network with a submodule for each head.
        size: height and width of a small input that it takes, in pixels; the share is the same for all.
    """
    layers: list[NetworkLayerCost] = []
    # For one small input it takes less time to compute than to load what torch's "meta" device needs (1.5 s).
    with _hooked(network, layers), torch.inference_mode():
        network(torch.zeros(1, 3, *size, device=next(network.parameters()).device))
    gathered = sum(one.multiply_adds for one in layers if one.name.partition(".")[0] in GATHERED_HEADS)
    return gathered / sum(one.multiply_adds for one in layers)


def follows_the_paper(network: nn.Module) -> bool:
    """Tell whether the paper's convention is settled for a network."""
    return bool(_dead(network)) and not any(isinstance(module, DeformableConv2d) for module in network.modules())


def _dead(network: nn.Module) -> list[str]:
    """List those of `DEAD` that a network has, without the dot."""
    modules = dict(network.named_modules())
    return [dead.removesuffix(".") for dead in DEAD if dead.removesuffix(".") in modules]


def layer_costs(network: nn.Module, size: tuple[int, int]) -> list[NetworkLayerCost]:
    """List the convolutions and normalisations that one image of ``size`` passes, in the order in which they run."""
    layers: list[NetworkLayerCost] = []
    weights = {name: tensor.to("meta") for name, tensor in network.state_dict().items()}
    with _hooked(network, layers), torch.no_grad():
        functional_call(network, weights, (torch.empty(1, 3, *size, device="meta"),))
    return layers


@contextmanager
def _hooked(network: nn.Module, layers: list[NetworkLayerCost]) -> Iterator[None]:
    with ExitStack() as hooks:
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | DeformableConv2d):
                hooks.enter_context(module.register_forward_hook(partial(_record, layers, name)))
        for dead in _dead(network):
            project = network.get_submodule(dead)
            downsample = network.get_submodule(dead.replace(".project", ".downsample"))
            hooks.enter_context(downsample.register_forward_hook(partial(_run_dead, project)))
        yield


def _run_dead(project: nn.Module, _module: nn.Module, _inputs: tuple[Tensor, ...], bottom: Tensor) -> None:
    """Do what the reference does and we do not: project the downsampled map and drop the result."""
    project(bottom)


def _record(
    layers: list[NetworkLayerCost], name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
) -> None:
    if isinstance(module, nn.BatchNorm2d):
        layers.append(NetworkLayerCost(name, 0, 2 * output.numel()))
        return
    if isinstance(module, DeformableConv2d):
        taps = inputs[0].numel() * KERNEL * KERNEL  # every channel of every cell is read at nine places
        dense = taps * output.shape[1]
        layers.append(NetworkLayerCost(name, dense, dense + output.numel(), taps))
        return
    assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    taps = math.prod(module.kernel_size)
    if isinstance(module, nn.ConvTranspose2d):
        multiply_adds = inputs[0].numel() * taps * (module.out_channels // module.groups)
    else:
        multiply_adds = output.numel() * taps * (module.in_channels // module.groups)
    by_output = output.numel() * (taps * (module.in_channels // module.groups) + (module.bias is not None))
    layers.append(NetworkLayerCost(name, 0 if name.startswith(DEAD) else multiply_adds, by_output))
