"""``heads.npz``: the weights of the heads that a sparse graph leaves to the runtime, and how they compute single cells.

The file is a NumPy archive of float32 arrays under the checkpoint's names. A head is a 3x3 convolution, a ReLU and a
1x1 convolution (``wh.0.weight`` (hidden, F, 3, 3), ``wh.0.bias``, ``wh.2.weight`` (out, hidden, 1, 1), ``wh.2.bias``),
or a single 1x1 convolution (``wh.weight`` (out, F, 1, 1), ``wh.bias``), on F feature channels.

Heads that are read at the same cells form a `Branch`: they share their patches, and their first convolutions are one.

NumPy's BLAS divides larger products between threads, and on a busy machine one of them is late: a product of 0.9 ms
then takes 8 to 30 ms (docs/decisions/0008-sparse-heads.md). OpenBLAS keeps a product of at most 2**18 multiply-adds on
the calling thread, so a `LinearLayer` is cut into blocks below that. The pieces fit the cache, which makes them as fast
as the whole, and a result does not depend on the number of threads.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from deepmark.errors import BundleError
from deepmark.runtime.arrays import F32, Index

AT_CENTRES = ("wh", "reg", "hps")
AT_LANDMARKS = ("hp_offset",)

BLOCK_ROWS = 24  # of the weights; the fastest pair of several below 2**18 / 576
BLOCK_COLUMNS = 16

TAPS = 9  # of a 3x3 convolution, row by row
_DY, _DX = (index[:, None] - 1 for index in np.divmod(np.arange(TAPS), 3))


@dataclass(frozen=True, slots=True, eq=False)
class LinearLayer:
    """``weight @ x + bias`` for columns x.

    Attributes:
        weight: (M', K) weights; M' is M rounded up to whole blocks, by rows of zeros.
        bias: (M', 1) biases.
        rows: number M of the rows that mean something.
    """

    weight: F32
    bias: F32
    rows: int

    @classmethod
    def of(cls, weight: F32, bias: F32) -> LinearLayer:
        """Make a layer of weights (M, K) and biases (M,)."""
        rows = len(weight)
        missing = -rows % BLOCK_ROWS
        return cls(
            weight=np.pad(weight, ((0, missing), (0, 0))),
            bias=np.pad(bias, (0, missing))[:, None],
            rows=rows,
        )

    def take(self, rows: Index) -> LinearLayer:
        """Return the layer that computes only these rows, in this order."""
        whole = np.zeros(len(rows) + -len(rows) % BLOCK_ROWS, np.intp)  # the last block is filled up with row 0
        whole[: len(rows)] = rows
        return LinearLayer(self.weight.take(whole, axis=0), self.bias.take(whole, axis=0), len(rows))

    def __call__(self, columns: F32) -> F32:
        """Compute (K, N) -> (M, N) in float32."""
        depth, count = columns.shape
        missing = -count % BLOCK_COLUMNS
        if missing:
            columns = np.concatenate([columns, np.zeros((depth, missing), np.float32)], axis=1)
        high, wide = len(self.weight) // BLOCK_ROWS, columns.shape[1] // BLOCK_COLUMNS
        left = self.weight.reshape(high, 1, BLOCK_ROWS, depth)
        right = columns.reshape(depth, wide, BLOCK_COLUMNS).transpose(1, 0, 2)
        blocks = np.matmul(left, right)  # (high, wide, BLOCK_ROWS, BLOCK_COLUMNS)
        product: F32 = blocks.transpose(0, 2, 1, 3).reshape(len(self.weight), wide * BLOCK_COLUMNS)
        product += self.bias
        return product[: self.rows, :count]


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Heads that are read at the same cells.

    Attributes:
        first: the 3x3 convolutions of all heads, one after the other; None for heads of a single 1x1 convolution.
        last: name of each head -> its last, 1x1 convolution.
    """

    first: LinearLayer | None
    last: Mapping[str, LinearLayer]

    @classmethod
    def of(cls, arrays: Mapping[str, F32], names: tuple[str, ...]) -> Branch:
        """Join the named heads of ``heads.npz``."""
        if f"{names[0]}.weight" in arrays:
            return cls(None, {name: _layer(arrays, name) for name in names})
        weight = np.concatenate([_flat(arrays[f"{name}.0.weight"]) for name in names])
        bias = np.concatenate([arrays[f"{name}.0.bias"] for name in names])
        return cls(LinearLayer.of(weight, bias), {name: _layer(arrays, f"{name}.2") for name in names})

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
        channels: number F of channels of the features that they read.
        centres: ``wh`` and, as far as the network has them, ``reg`` and ``hps``.
        landmarks: ``hp_offset``; None without that head.
    """

    channels: int
    centres: Branch
    landmarks: Branch | None


@dataclass(frozen=True, slots=True, eq=False)
class HeadArchive:
    """The file ``heads.npz``, and what a manifest says of it.

    Attributes:
        content: the file's bytes.
        channels: name of each head in it -> its channels.
        features: channels of the features that all of them read.
    """

    content: bytes
    channels: dict[str, int]
    features: int

    @property
    def sha256(self) -> str:
        """Hash of the file, hex."""
        return hashlib.sha256(self.content).hexdigest()


def archive_heads(arrays: Mapping[str, F32]) -> HeadArchive:
    """Pack the weights of heads; equal weights in equal order, equal bytes.

    Args:
        arrays: name -> array, as the file shall hold them; the arrays of one head stand one after the other, from the
            weight (hidden, F, h, w) of its first convolution to the bias (channels,) of its last one.
    """
    channels: dict[str, int] = {}
    features = 0
    for name, items in groupby(arrays.items(), key=lambda item: item[0].partition(".")[0]):
        first, *_, last = (array for _, array in items)
        features, channels[name] = first.shape[1], len(last)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return HeadArchive(stream.getvalue(), channels, features)


def read_head_weights(content: bytes, heads: Mapping[str, int], *, features: int, source: str) -> HeadWeights:
    """Read and check ``heads.npz``.

    Args:
        content: the file's bytes.
        heads: name of every head that it must hold, and of no other -> its channels.
        features: channels of the features that the heads read.
        source: name of the file in errors.

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


def _layer(arrays: Mapping[str, F32], name: str) -> LinearLayer:
    return LinearLayer.of(_flat(arrays[f"{name}.weight"]), arrays[f"{name}.bias"])


def _flat(weight: F32) -> F32:
    """Write a convolution's weights (out, F, h, w) as rows (out, F * h * w), the order of `patches_at`."""
    assert weight.shape[2] * weight.shape[3] in {1, TAPS}
    return weight.reshape(len(weight), -1)


def columns_at(features: F32, cells: Index) -> F32:
    """Gather what a 1x1 convolution reads at n flat cells: (C, H, W) -> (C, n)."""
    return features.reshape(len(features), -1).take(cells, axis=1)


def patches_at(features: F32, cells: Index) -> F32:
    """Gather what a zero-padded 3x3 convolution reads at n flat cells: (C, H, W) -> (C * 9, n).

    Rows have the order of a convolution's weights (out, C, 3, 3).
    """
    channels, height, width = features.shape
    y, x = cells // width + _DY, cells % width + _DX  # (9, n)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    patches = columns_at(features, y.clip(0, height - 1) * width + x.clip(0, width - 1))  # (C, 9, n)
    if not inside.all():
        patches[:, ~inside] = 0
    return patches.reshape(channels * TAPS, len(cells))
