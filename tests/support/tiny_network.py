"""A network of three levels with the six heads, small enough to export in a second, and what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import CHANNELS, tiny_schema
from torch import Tensor, nn

from deepmark.exporter.pipeline import ExportResult, export
from deepmark.models.describe import describe
from deepmark.models.loading import LoadedNetwork, LoadReport
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import Manifest

TinyExport = Callable[..., ExportResult]

HEADS = CHANNELS


class TinyNetwork(nn.Module):
    """(B, 3, H, W) -> raw heads (B, C, H/4, W/4); everything that mDLA-34 is made of, once."""

    def __init__(self, heads: Mapping[str, int] = HEADS, head_conv: int = 8) -> None:
        super().__init__()
        self.heads = dict(heads)
        self.head_names, self.multiple = tuple(heads), 32
        self.stem = _block(3, 8, stride=2)
        self.level = _block(8, 16, stride=2)
        self.down = nn.MaxPool2d(2)
        self.deep = _block(16, 16, stride=1)
        self.up = nn.ConvTranspose2d(16, 16, 4, stride=2, padding=1, groups=16, bias=False)
        for name, channels in heads.items():
            last = nn.Conv2d(head_conv or 16, channels, 1)
            first = (nn.Conv2d(16, head_conv, 3, padding=1), nn.ReLU(inplace=True)) if head_conv else ()
            self.add_module(name, nn.Sequential(*first, last) if first else last)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.level(self.stem(image))
        features = features + self.up(self.deep(self.down(features)))
        return {name: self.get_submodule(name)(features) for name in self.heads}


def _block(channels_in: int, channels: int, *, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def tiny_network(seed: int = 0, heads: Mapping[str, int] = HEADS, head_conv: int = 8) -> TinyNetwork:
    """Make one whose weights are asymmetric, whose norms do something, and which finds objects in anything."""
    torch.manual_seed(seed)
    network = TinyNetwork(heads, head_conv)
    for name, values in network.state_dict().items():
        if name.endswith("running_var"):
            values.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            values.normal_(0, 0.2)
    for name in {"hm", "hm_hp"} & set(heads):
        last_layer(network, name).weight.data.mul_(4)
    box_bias = last_layer(network, "wh").bias
    assert box_bias is not None
    box_bias.data.fill_(8)
    return network.eval().requires_grad_(False)


def last_layer(network: nn.Module, head: str) -> nn.Conv2d:
    *_, last = network.get_submodule(head).modules()
    assert isinstance(last, nn.Conv2d)
    return last


def tiny_loaded(network: nn.Module | None = None, *, schema: KeypointSchema | None = None) -> LoadedNetwork:
    """Return what `load_checkpoint` would, had it read this network from a file."""
    network = network or tiny_network()
    heads = getattr(network, "heads", HEADS)
    report = LoadReport(
        file="folder/tiny.pth",
        sha256="0" * 64,
        container="PyTorch zip",
        architecture="mdla34",
        variant="A",
        explanation="a network for tests",
        classes=2,
        groups=heads.get("hps", 0) // 2,
        head_conv=8,
        heads=dict(heads),
        parameters=sum(weight.numel() for weight in network.parameters()),
        unused=(),
        dtype="float32",
        besides=(),
    )
    return LoadedNetwork(network, schema or tiny_schema(), report)


def export_loaded(folder: Path, loaded: LoadedNetwork, **options: Any) -> ExportResult:
    """Export a network, as if a checkpoint held it, to a folder of its own.

    Args:
        folder: folder of the bundle, which becomes ``tiny.deepmark``.
        loaded: network.
        options: what `deepmark.exporter.pipeline.export` takes.
    """
    (folder / "tiny.pth").write_bytes(b"stands for weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: loaded)
        return export(folder / "tiny.pth", output=folder, **options)


def tiny_manifest(*, dynamic: bool = True, logits: bool = False) -> Manifest:
    return describe(tiny_loaded(), "tiny", (64, 96), dynamic=dynamic, logits=logits)
