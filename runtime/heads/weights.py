"""``heads.npz``: the weights of the heads that a sparse graph leaves to the runtime.

The file is a NumPy archive of float32 arrays under the checkpoint's names. A head is a 3x3 convolution, a ReLU and a
1x1 convolution (``wh.0.weight`` (hidden, F, 3, 3), ``wh.0.bias``, ``wh.2.weight`` (out, hidden, 1, 1), ``wh.2.bias``),
or a single 1x1 convolution (``wh.weight`` (out, F, 1, 1), ``wh.bias``), on F feature channels.

Heads that are read at the same cells form a `Branch`: they share their patches, and their first convolutions are one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepmark.errors import BundleError
from deepmark.runtime.arrays import F32, Index
from deepmark.runtime.heads.layer import Layer
from deepmark.runtime.heads.patches import TAPS, columns_at, patches_at

AT_CENTRES = ("wh", "reg", "hps")
AT_LANDMARKS = ("hp_offset",)


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Heads that are read at the same cells.

    Attributes:
        first: the 3x3 convolutions of all heads, one after the other; None for heads of a single 1x1 convolution.
        last: name -> the 1x1 convolution.
    """

    first: Layer | None
    last: Mapping[str, Layer]

    @classmethod
    def of(cls, arrays: Mapping[str, F32], names: tuple[str, ...]) -> Branch:
        """Join the named heads of ``heads.npz``."""
        if f"{names[0]}.weight" in arrays:
            return cls(None, {name: _layer(arrays, name) for name in names})
        weight = np.concatenate([_flat(arrays[f"{name}.0.weight"]) for name in names])
        bias = np.concatenate([arrays[f"{name}.0.bias"] for name in names])
        return cls(Layer.of(weight, bias), {name: _layer(arrays, f"{name}.2") for name in names})

    def hidden(self, features: F32, cells: Index) -> dict[str, F32]:
        """Compute what the 1x1 convolutions of all heads read at N flat cells: name -> (hidden, N)."""
        if self.first is None:
            return dict.fromkeys(self.last, columns_at(features, cells))
        activated = self.first(patches_at(features, cells))
        np.maximum(activated, 0, out=activated)
        return dict(zip(self.last, np.split(activated, len(self.last)), strict=True))

    def __call__(self, features: F32, cells: Index) -> dict[str, F32]:
        """Compute all heads at N flat cells: name -> (channels, N)."""
        hidden = self.hidden(features, cells)
        return {name: layer(hidden[name]) for name, layer in self.last.items()}


@dataclass(frozen=True, slots=True, eq=False)
class HeadWeights:
    """All heads that a graph leaves to the runtime.

    Attributes:
        channels: F, of the features that they read.
        centres: ``wh``, ``hps`` and, where the network has it, ``reg``.
        landmarks: ``hp_offset``, where the network has it.
    """

    channels: int
    centres: Branch
    landmarks: Branch | None


def read_head_weights(content: bytes, heads: Mapping[str, int], *, features: int, source: str) -> HeadWeights:
    """Read and check ``heads.npz``.

    Args:
        content: of the file.
        heads: channels of every head that it must hold, and no other, by name.
        features: channels of the features that they read.
        source: names the file in errors.

    Raises:
        BundleError: it is no such archive, or an array is missing, unknown, of another shape or type, or not finite.
    """
    try:
        archive = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise BundleError(f"{source} is no NumPy archive: it is a single array", hint="export the model again")
        arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise BundleError(f"{source} is no NumPy archive: {error}", hint="export the model again") from error
    if fault := _fault(arrays, heads, features):
        raise BundleError(f"{source} does not fit its model: {fault}", hint="export the model again")
    present = [tuple(name for name in names if name in heads) for names in (AT_CENTRES, AT_LANDMARKS)]
    return HeadWeights(features, Branch.of(arrays, present[0]), Branch.of(arrays, present[1]) if present[1] else None)


def _fault(arrays: Mapping[str, npt.NDArray[np.generic]], heads: Mapping[str, int], features: int) -> str | None:
    hidden = len(arrays["wh.0.bias"]) if "wh.0.bias" in arrays and arrays["wh.0.bias"].ndim == 1 else 0
    expected: dict[str, tuple[int, ...]] = {}
    for name, channels in heads.items():
        if hidden:
            expected |= {f"{name}.0.weight": (hidden, features, 3, 3), f"{name}.0.bias": (hidden,)}
            expected |= {f"{name}.2.weight": (channels, hidden, 1, 1), f"{name}.2.bias": (channels,)}
        else:
            expected |= {f"{name}.weight": (channels, features, 1, 1), f"{name}.bias": (channels,)}
    if arrays.keys() != expected.keys():
        return f"expected the arrays {', '.join(sorted(expected))}, found {', '.join(sorted(arrays))}"
    for name, shape in expected.items():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != shape:
            return f"{name} must be float32 {shape}, found {array.dtype} {array.shape}"
        if not np.isfinite(array).all():
            return f"{name} holds values that are not finite"
    return None


def _layer(arrays: Mapping[str, F32], name: str) -> Layer:
    return Layer.of(_flat(arrays[f"{name}.weight"]), arrays[f"{name}.bias"])


def _flat(weight: F32) -> F32:
    """Write a convolution's weights (out, F, h, w) as rows (out, F * h * w), the order of `patches_at`."""
    assert weight.shape[2] * weight.shape[3] in {1, TAPS}
    return weight.reshape(len(weight), -1)
