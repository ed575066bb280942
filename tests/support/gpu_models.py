"""A small network with what is special about GPUs in ours: a depthwise deconvolution, or deformed sampling."""

from __future__ import annotations

import warnings
from pathlib import Path

from tiny import convert, make_manifest, write_bundle

from deepmark.runtime.embedded_manifest import METADATA_KEY


def upsampling_bundle(folder: Path) -> Path:
    """Write a bundle for 64x96 pictures, whose maps go down to H/8 and up again by a depthwise deconvolution."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = torch.nn.Conv2d(3, 8, 7, stride=8, padding=3)
            self.up = torch.nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1, groups=8, bias=False)
            self.heads = torch.nn.ModuleList(torch.nn.Conv2d(8, count, 1) for count in channels.values())

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return finished([head(self.up(torch.relu(self.down(image)))) for head in self.heads])

    def finished(maps: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        named = zip(channels, maps, strict=True)
        return tuple(torch.sigmoid(one) if name in {"hm", "hm_hp"} else one for name, one in named)

    channels = make_manifest().heads.channels
    return _export(Net(), folder)


def shared_weights_bundle(folder: Path) -> Path:
    """Write a bundle likewise, in which six convolutions have one weight tensor; up to four MNN would copy it."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = torch.nn.Conv2d(3, 8, 3, stride=4, padding=1)
            self.step = torch.nn.Conv2d(8, 8, 3, padding=1)
            self.heads = torch.nn.ModuleList(torch.nn.Conv2d(8, count, 1) for count in channels.values())

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            features = self.down(image)
            for _ in range(6):
                features = torch.relu(self.step(features))
            return tuple(head(features) for head in self.heads)

    channels = make_manifest().heads.channels
    return _export(Net(), folder)


def sampling_bundle(folder: Path) -> Path:
    """Write a bundle likewise, with one GridSample, as deformable convolutions become."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = torch.nn.Conv2d(3, 8, 3, stride=4, padding=1)
            self.places = torch.nn.Conv2d(8, 2, 1)
            self.heads = torch.nn.ModuleList(torch.nn.Conv2d(8, count, 1) for count in channels.values())

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            features = torch.relu(self.down(image))
            grid = torch.tanh(self.places(features)).permute(0, 2, 3, 1)
            sampled = torch.nn.functional.grid_sample(features, grid, align_corners=False)
            return tuple(head(sampled) for head in self.heads)

    channels = make_manifest().heads.channels
    return _export(Net(), folder)


def _export(network: object, folder: Path) -> Path:
    import onnx
    import torch

    manifest = make_manifest()
    names = list(manifest.heads.channels)
    path = folder / "model.onnx"
    torch.manual_seed(0)
    axes = {"image": {0: "batch", 2: "height", 3: "width"}, **{name: {0: "batch", 2: "h", 3: "w"} for name in names}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", module="torch")
        torch.onnx.export(
            network.eval(),  # type: ignore[attr-defined]
            (torch.zeros(1, 3, 64, 96),),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=names,
            dynamic_axes=axes,
        )
    model = onnx.load(str(path))
    model.metadata_props.add(key=METADATA_KEY, value=manifest.to_json(compact=True).decode())
    onnx.save(model, str(path))
    convert(path, folder / "model.mnn")
    return write_bundle(folder / "gpu.deepmark", manifest, {"model.onnx": path, "model.mnn": folder / "model.mnn"})
