"""Pictures of a phone's camera, YUV_420_888, as Android lays them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepmark.runtime.arrays import F64, Image8

Bytes = npt.NDArray[np.uint8]  # (H, W)


@dataclass(frozen=True)
class CameraPicture:
    """A picture's three planes, (H, W) and twice (ceil(H / 2), ceil(W / 2)), and how they are held."""

    y: Bytes
    u: Bytes
    v: Bytes
    padding: int = 0  # bytes behind the last pixel of a row, but the last row
    chroma_step: int = 2  # 2: u and v lie in one plane, as most phones have it; 1: apart
    crop: tuple[int, int, int, int] | None = None  # left, top, right, bottom
    rotation: int = 0
    mirrored: bool = False
    full_range: bool = True

    def rectangle(self) -> tuple[int, int, int, int]:
        return self.crop or (0, 0, self.y.shape[1], self.y.shape[0])

    def planes(self) -> list[tuple[bytes, int, int]]:
        """Bytes, row stride and pixel stride of each plane."""
        return [
            packed(plane, step, self.padding)
            for plane, step in ((self.y, 1), (self.u, self.chroma_step), (self.v, self.chroma_step))
        ]

    def holding(self) -> list[int]:
        """The numbers behind the planes: rectangle, rotation, mirrored, full range."""
        return [*self.rectangle(), self.rotation, int(self.mirrored), int(self.full_range)]

    def upright(self) -> Image8:
        """The picture that people see, BGR: cv2's for limited range, JFIF's formula rounded for full range."""
        image = _full_range(self.y, self.u, self.v) if self.full_range else _limited_range(self.y, self.u, self.v)
        left, top, right, bottom = self.rectangle()
        turned = np.rot90(image[top:bottom, left:right], -self.rotation // 90)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)


def noise_picture(height: int, width: int, seed: int = 0) -> tuple[Bytes, Bytes, Bytes]:
    rng = np.random.default_rng(seed)
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in ((height, width), half, half))
    return y, u, v


def packed(plane: Bytes, step: int, padding: int) -> tuple[bytes, int, int]:
    """Lay a plane out: what lies between its pixels is noise, and it ends with its last pixel."""
    height, width = plane.shape
    stride = step * width + padding
    memory = np.random.default_rng(9).integers(0, 256, height * stride, np.uint8)
    memory.reshape(height, stride)[:, : step * width : step] = plane
    return memory[: (height - 1) * stride + step * (width - 1) + 1].tobytes(), stride, step


def to_yuv(image: Image8) -> tuple[Bytes, Bytes, Bytes]:
    """A picture's full-range planes; each colour is the mean of 2 x 2 pixels. Sides must be even."""
    blue, green, red = np.moveaxis(image.astype(np.float64), 2, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    height, width = y.shape

    def colour(difference: F64) -> Bytes:
        mean = difference.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        return np.asarray(np.rint(mean + 128).clip(0, 255), np.uint8)

    return np.asarray(np.rint(y), np.uint8), colour((blue - y) / 1.772), colour((red - y) / 1.402)


def _whole(plane: Bytes, shape: tuple[int, ...]) -> Bytes:
    return plane.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]


def _full_range(y: Bytes, u: Bytes, v: Bytes) -> Image8:
    light, u_, v_ = (one.astype(np.float64) for one in (y, _whole(u, y.shape), _whole(v, y.shape)))
    u_, v_ = u_ - 128, v_ - 128
    image = np.stack([light + 1.772 * u_, light - 0.344136 * u_ - 0.714136 * v_, light + 1.402 * v_], axis=2)
    return np.asarray(np.rint(image.clip(0, 255)), np.uint8)


def _limited_range(y: Bytes, u: Bytes, v: Bytes) -> Image8:
    """Ask cv2, which takes even sides only: odd ones are padded first."""
    import cv2

    height, width = y.shape
    even = np.zeros((2 * u.shape[0], 2 * u.shape[1]), np.uint8)
    even[:height, :width] = y
    planes = np.concatenate([even.ravel(), u.ravel(), v.ravel()]).reshape(3 * u.shape[0], 2 * u.shape[1])
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)[:height, :width], np.uint8)
