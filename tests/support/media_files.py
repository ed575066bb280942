"""Picture and video files that are hard to come by, made byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from deepmark.runtime.arrays import Image8

MEDIA = Path(__file__).resolve().parent.parent / "data" / "media"  # files of other tools; ref.png is what they show
Image16 = npt.NDArray[np.uint16]
ORIENTATION = 0x0112  # EXIF's tag

STORED: dict[int, Callable[[Image8], Image8]] = {  # how a camera stores a picture with each EXIF orientation
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: image.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda image: np.rot90(image, -1),
}


def encoded(image: Image8 | Image16, suffix: str = ".png") -> bytes:
    done, content = cv2.imencode(suffix, image)
    assert done
    return content.tobytes()


def read_image(path: Path) -> Image8:
    image = cv2.imread(str(path))
    assert image is not None, path
    return image.astype(np.uint8, copy=False)


def jpeg_with_orientation(image: Image8, orientation: int, *, order: str = "II") -> bytes:
    """A JPEG file with an EXIF segment that says how to turn it, in Intel's or Motorola's order of bytes (``"MM"``)."""
    first = "<" if order == "II" else ">"
    entry = struct.pack(f"{first}HHIHH", ORIENTATION, 3, 1, orientation, 0)
    directory = struct.pack(f"{first}HIH", 42, 8, 1) + entry + struct.pack(f"{first}I", 0)
    payload = b"Exif\0\0" + order.encode() + directory
    content = encoded(image, ".jpg")
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + content[2:]


def stored_with_orientation(image: Image8, kind: str, orientation: int) -> bytes:
    """A file of this kind, ``"PNG"`` for example, of a picture (BGR or BGRA) that is stored with this orientation.

    Of an AVIF Pillow writes the orientation as its container has it: a rotation (irot) and a mirroring (imir).
    """
    stored = STORED[orientation](image)
    rgb = stored[:, :, [2, 1, 0, 3][: image.shape[2]]]
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "exif": tags},
        "PNG": {"exif": tags},
        "WEBP": {"lossless": True, "exif": tags},
        "AVIF": {"quality": 95, "speed": 10, "exif": tags},
        "TIFF": {"tiffinfo": {ORIENTATION: orientation}},
    }
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(stream, kind, **options[kind])
    return stream.getvalue()


def bmp(image: Image8) -> bytes:
    """A BMP file of a picture with four channels, as Windows 3 has them: the fourth byte is unused."""
    height, width = image.shape[:2]
    pixels = image[::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 0, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


def tiff(colours: tuple[int, ...], depth: int = 8, *, tags: dict[int, int] | None = None) -> bytes:
    """A TIFF file of 4 x 4 pixels of one colour (red first; two numbers: grey), with additional tags."""
    samples, kind = len(colours), {8: "B", 16: "H"}[depth]
    pixels = struct.pack(f"<{samples}{kind}", *colours) * 16
    photometric = 2 if samples > 2 else 1
    depths = depth | depth << 16 if samples == 2 else 0  # two fit into the entry
    entries = {256: 4, 257: 4, 258: depths, 259: 1, 262: photometric, 273: 0, 277: samples, 278: 4, 279: len(pixels)}
    entries |= tags or {}
    end = 8 + 2 + 12 * len(entries) + 4
    entries[258] = entries[258] or end
    entries[273] = end + 2 * samples
    rows = [
        struct.pack("<HHII", tag, 4 if tag in {254, 273, 279, 50706} else 3, samples if tag == 258 else 1, value)
        for tag, value in sorted(entries.items())
    ]
    directory = struct.pack("<H", len(rows)) + b"".join(rows) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack(f"<{samples}H", *[depth] * samples) + pixels


def png(width: int, height: int, colour_type: int, rows: bytes, depth: int = 8, transparent: bytes = b"") -> bytes:
    """A PNG file with this header, these raw rows, whether they fit or not, and this transparent colour (tRNS)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    colour = chunk(b"tRNS", transparent) if transparent else b""
    return start + chunk(b"IHDR", header) + colour + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


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


def with_turn(video: Path, target: Path, turn: tuple[int, int, int, int]) -> Path:
    """Copy an .mp4 with another matrix in its track's header: a, b, c, d, whole numbers."""
    content = bytearray(video.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = turn
    content[at : at + 20] = struct.pack(">5i", a << 16, b << 16, 0, c << 16, d << 16)
    target.write_bytes(content)
    return target


def with_video_elements(video: Path, target: Path, elements: bytes) -> Path:
    """Copy an .mkv with other elements in the settings of its video track, and without its index."""

    def own(settings: bytes) -> bytes:
        """Those that stay: 0x54B2 is the unit of the size to show it in."""
        return settings[: settings.index(b"\x54\xb2")] if b"\x54\xb0" in elements else settings

    def rebuilt(content: bytes, path: tuple[bytes, ...]) -> bytes:
        out, at = b"", 0
        while at < len(content):
            kind = content[at : at + 9 - content[at].bit_length()]
            at += len(kind)
            length = 9 - content[at].bit_length()
            size = int.from_bytes(content[at : at + length], "big") & ((1 << 7 * length) - 1)
            body = content[at + length : at + length + size]
            at += length + size
            if kind == path[0]:
                out += ebml(kind, rebuilt(body, path[1:]) if path[1:] else own(body) + elements)
            elif kind not in {b"\x11\x4d\x9b\x74", b"\x1c\x53\xbb\x6b", b"\xbf"}:  # positions and a checksum
                out += ebml(kind, body)
        return out

    target.write_bytes(rebuilt(video.read_bytes(), (b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0")))
    return target


def ebml(kind: bytes, body: bytes) -> bytes:
    """An element of Matroska."""
    return kind + (len(body) | 1 << 56).to_bytes(8, "big") + body


def with_transfer(video: Path, target: Path, transfer: int) -> Path:
    """Copy an .mp4 of H.264 with a ``colr`` box in its sample entry; its index must come last."""
    content = video.read_bytes()
    colour = struct.pack(">I4s4sHHHB", 19, b"colr", b"nclx", 9, transfer, 9, 0)
    at = content.index(b"avcC") - 4
    content = content[:at] + colour + content[at:]
    for kind in (b"avc1", b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):  # all that it lies in
        start = content.index(kind) - 4
        size = struct.unpack_from(">I", content, start)[0] + len(colour)
        content = content[:start] + struct.pack(">I", size) + content[start + 4 :]
    target.write_bytes(content)
    return target
