"""Picture and video files that are hard to come by, made byte by byte."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deepmark.runtime.arrays import Image8

Image16 = npt.NDArray[np.uint16]


def encoded(image: Image8 | Image16, suffix: str = ".png") -> bytes:
    done, content = cv2.imencode(suffix, image)
    assert done
    return content.tobytes()


def read_image(path: Path) -> Image8:
    image = cv2.imread(str(path))
    assert image is not None, path
    return image.astype(np.uint8, copy=False)


def jpeg_with_orientation(image: Image8, orientation: int) -> bytes:
    """A JPEG file with an EXIF segment that says how to turn it."""
    entry = struct.pack("<HHII", 0x0112, 3, 1, orientation)
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 0)
    payload = b"Exif\0\0" + tiff
    content = encoded(image, ".jpg")
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + content[2:]


def png(width: int, height: int, colour_type: int, rows: bytes, depth: int = 8) -> bytes:
    """A PNG file with this header and these raw rows, whether they fit or not."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_video(path: Path, frames: int, size: tuple[int, int] = (64, 48), rate: float = 25.0) -> Path:
    """A video of noise, whose frames all need about as many bytes; ``size`` is width, height."""
    code = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, size)
    assert writer.isOpened()
    rng = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    writer.release()
    return path


def cut(path: Path, share: float) -> Path:
    """Leave only the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path
