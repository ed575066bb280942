"""dlav0_34 against a literal transcription of the reference's forward pass, by tensor names."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its usual name

from deepmark.models.dlav0_34 import DLAv0
from deepmark.runtime.keypoints.head_names import head_channels


def small_network() -> DLAv0:
    torch.manual_seed(3)
    network = DLAv0(head_channels(2, 3), head_conv=8).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("running_mean", ".1.bias")):
                tensor.normal_(0, 0.1)
            if "up_" in name and tensor.dim() == 4 and tensor.shape[1] == 1:
                tensor.mul_(torch.rand_like(tensor) + 0.5)  # not symmetric, so that no flip hides
    return network


def sequential(x: Tensor, weights: dict[str, Tensor], stem: str) -> Tensor:
    kernel = weights[f"{stem}.0.weight"]
    x = F.conv2d(x, kernel, padding=kernel.shape[-1] // 2)
    mean, variance, weight, bias = (
        weights[f"{stem}.1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return F.relu(F.batch_norm(x, mean, variance, weight, bias))


def reference_neck(levels: list[Tensor], weights: dict[str, Tensor]) -> Tensor:
    layers = list(levels)
    for i in range(len(layers) - 1):
        part = layers[-i - 2 :]
        for k in range(len(part)):
            stem = f"dla_up.ida_{i}"
            if f"{stem}.proj_{k}.0.weight" in weights:
                part[k] = sequential(part[k], weights, f"{stem}.proj_{k}")
            if f"{stem}.up_{k}.weight" in weights:
                up = weights[f"{stem}.up_{k}.weight"]
                stride = up.shape[-1] // 2
                part[k] = F.conv_transpose2d(part[k], up, stride=stride, padding=stride // 2, groups=up.shape[0])
        x, merged = part[0], []
        for k in range(1, len(part)):
            x = sequential(torch.cat([x, part[k]], 1), weights, f"dla_up.ida_{i}.node_{k}")
            merged.append(x)
        layers[-i - 1 :] = merged
    return x


def test_its_neck_does_what_the_reference_does() -> None:
    network = small_network()
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = reference_neck(network.base(image)[2:], dict(network.state_dict()))
        features = network.features(image)

    assert features.shape == (2, 64, 16, 24)
    torch.testing.assert_close(features, expected)


def test_its_tensors_have_the_reference_s_names_and_shapes() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in DLAv0(head_channels(13, 62)).state_dict().items()}

    expected = {}
    for ida, cout in ((0, 256), (1, 128), (2, 64)):
        for k in range(1, ida + 2):
            expected[f"dla_up.ida_{ida}.proj_{k}.0.weight"] = (cout, 2 * cout, 1, 1)
            expected[f"dla_up.ida_{ida}.up_{k}.weight"] = (cout, 1, 4, 4)
            expected[f"dla_up.ida_{ida}.node_{k}.0.weight"] = (cout, 2 * cout, 3, 3)
    assert {name: shape for name, shape in shapes.items() if "dla_up" in name and len(shape) == 4} == expected
    assert not any(name.startswith("ida_up") or name.endswith("node_1.0.bias") for name in shapes)


def test_it_gives_the_heads_in_centernets_order() -> None:
    heads = small_network()(torch.rand(1, 3, 32, 32))

    shapes = {name: tuple(head.shape[1:]) for name, head in heads.items()}
    assert list(shapes.items()) == [
        ("hm", (2, 8, 8)),
        ("wh", (2, 8, 8)),
        ("hps", (6, 8, 8)),
        ("reg", (2, 8, 8)),
        ("hm_hp", (3, 8, 8)),
        ("hp_offset", (2, 8, 8)),
    ]
