"""What a video file says of itself and the decoder does not pass on.

OpenCV tells a rotation but not a mirroring, nothing of how light its values stand for, and not whether its number of
frames was counted or guessed from length and rate. Read here: MP4 and QuickTime (ISO/IEC 14496-12), Matroska and WebM
(RFC 9559), and the outermost chunks of AVI. All other files count as saying nothing.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from deepmark.runtime.media.orientation import Orientation

PQ, HLG = 16, 18  # transfer functions of HDR, ITU-T H.273

_MOST_BYTES = 1 << 26  # of a header; that of a film of hours has a few million
_MOST_BOXES = 1 << 17  # side by side: a fragmented file has two or so for every second
_ISO_STARTS = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))
_SAMPLE_ENTRY = 78  # bytes of a VisualSampleEntry before its boxes

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _CLUSTER, _TRACKS, _TRACK, _TRACK_TYPE, _VIDEO = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0x83, 0xE0
_COLOUR, _TRANSFER, _PROJECTION, _YAW, _ROLL = 0x55B0, 0x55BA, 0x7670, 0x7673, 0x7675

Turn = tuple[float, float, float, float]
_NO_TURN = (1.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What a file says of its first video track.

    Attributes:
        counts_frames: whether its number of frames is the length of a list, and no guess.
        whole: whether the file is as long as it says.
        turn: a, b, c, d of the matrix that takes stored positions to shown ones, x' = a x + c y, y' = b x + d y, y
            down.
        transfer: code of the transfer function (ITU-T H.273); None where it says nothing.
    """

    counts_frames: bool = False
    whole: bool = True
    turn: Turn = _NO_TURN
    transfer: int | None = None

    @property
    def orientation(self) -> Orientation | None:
        """The turn as one of eight; None where it is by no right angle."""
        a, b, c, d = self.turn
        if a and d and not b and not c:
            return Orientation(mirrored=a < 0, flipped=d < 0)
        if b and c and not a and not d:
            return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0)
        return None

    @property
    def angle(self) -> int:
        """What OpenCV makes of the turn, in degrees clockwise: it looks at where the first row goes."""
        return round(math.degrees(math.atan2(self.turn[1], self.turn[0]))) % 360


class _Box(NamedTuple):
    """A part of a file or of a header with a name; its content lies from ``start`` to ``end``."""

    kind: int | bytes
    start: int
    end: int


def read_video_header(path: Path) -> VideoHeader:
    """Read what the file says of itself; what makes no sense counts as not said.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(12)
        try:
            if start[:4] == b"RIFF" and start[8:] == b"AVI ":
                return _read_avi(file, size)
            if start[4:8] in _ISO_STARTS:
                return _read_iso(file, size)
            if start[:4] == _EBML:
                file.seek(0)
                return _read_matroska(file.read(_MOST_BYTES))
        except (struct.error, IndexError):  # it ends in the middle of something
            pass
    return VideoHeader()


def _read_avi(file: BinaryIO, size: int) -> VideoHeader:
    at, whole = 0, True
    while at + 8 <= size:  # one chunk a gigabyte
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF":
            break
        whole = at + 8 + length <= size
        at += 8 + length + length % 2
    return VideoHeader(counts_frames=True, whole=whole)


def _read_iso(file: BinaryIO, size: int) -> VideoHeader:
    header, at, fragmented, whole = VideoHeader(), 0, False, True
    for _ in range(_MOST_BOXES):
        if at + 8 > size:
            break
        file.seek(at)
        box = _box(file.read(16), 0, size - at)
        if box.kind == b"moov":
            file.seek(at + box.start)
            header = _read_moov(file.read(min(box.end - box.start, _MOST_BYTES)))
        fragmented = fragmented or box.kind == b"moof"
        at += box.end
        whole = at <= size
    return VideoHeader(header.counts_frames and not fragmented, whole, header.turn, header.transfer)


def _box(content: bytes, at: int, room: int) -> _Box:
    """Read the head of the box at this position; one without a length takes all the room."""
    length, kind = struct.unpack_from(">I4s", content, at)
    head = 8
    if length == 1:
        (length,), head = struct.unpack_from(">Q", content, at + 8), 16
    return _Box(kind, at + head, at + (max(length, head) if length else room))


def _boxes(content: bytes) -> Iterator[_Box]:
    at = 0
    while at + 8 <= len(content):
        box = _box(content, at, len(content) - at)
        yield box
        at = box.end


def _inside(content: bytes, *path: bytes) -> bytes:
    """Return the content of the first box that these names lead to; empty where there is none."""
    for kind in path:
        content = next((content[box.start : box.end] for box in _boxes(content) if box.kind == kind), b"")
    return content


def _read_moov(moov: bytes) -> VideoHeader:
    tracks = (moov[box.start : box.end] for box in _boxes(moov) if box.kind == b"trak")
    track = next((one for one in tracks if _inside(one, b"mdia", b"hdlr")[8:12] == b"vide"), None)
    if track is None:
        return VideoHeader()
    turn = _product(_matrix(_inside(track, b"tkhd"), 40), _matrix(_inside(moov, b"mvhd"), 36))
    tables = _inside(track, b"mdia", b"minf", b"stbl")
    entries = _inside(tables, b"stsd")[8:]
    entry = next((entries[box.start : box.end] for box in _boxes(entries)), b"")
    colour = _inside(entry[_SAMPLE_ENTRY:], b"colr")
    transfer = struct.unpack_from(">H", colour, 6)[0] if colour[:4] in {b"nclx", b"nclc"} else None
    return VideoHeader(bool(_inside(tables, b"stsz")) and not _inside(moov, b"mvex"), True, turn, transfer)


def _matrix(header: bytes, at: int) -> Turn:
    """Read a matrix in 16.16 from a ``tkhd`` or ``mvhd``; version 1 has longer times before it."""
    a, b, _, c, d = struct.unpack_from(">5i", header, at + (12 if header[:1] == b"\x01" else 0))
    return (a / 65536, b / 65536, c / 65536, d / 65536) if a or b else _NO_TURN  # some write zeros


def _product(one: Turn, other: Turn) -> Turn:
    """Turn by one, then by the other."""
    (a, b, c, d), (e, f, g, h) = one, other
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _read_matroska(content: bytes) -> VideoHeader:
    segment = next((box for box in _elements(content, 0, len(content)) if box.kind == _SEGMENT), None)
    if segment is None:
        return VideoHeader()
    for box in _elements(content, segment.start, segment.end):
        if box.kind == _CLUSTER:
            break
        if box.kind != _TRACKS:
            continue
        for track in _elements(content, box.start, box.end):
            parts = {part.kind: part for part in _elements(content, track.start, track.end)}
            if track.kind == _TRACK and _VIDEO in parts and _TRACK_TYPE in parts:
                return _read_matroska_video(content, parts[_VIDEO])
    return VideoHeader()


def _read_matroska_video(content: bytes, video: _Box) -> VideoHeader:
    parts = {part.kind: part for part in _elements(content, video.start, video.end)}
    transfer, turn = None, _NO_TURN
    if colour := parts.get(_COLOUR):
        for part in _elements(content, colour.start, colour.end):
            if part.kind == _TRANSFER:
                transfer = int.from_bytes(content[part.start : part.end], "big")
    if projection := parts.get(_PROJECTION):
        pose = {
            part.kind: _float(content[part.start : part.end])
            for part in _elements(content, projection.start, projection.end)
            if part.kind in {_YAW, _ROLL}
        }
        turn = _pose_turn(pose.get(_YAW, 0.0), pose.get(_ROLL, 0.0))
    return VideoHeader(turn=turn, transfer=transfer)


def _elements(content: bytes, at: int, end: int) -> Iterator[_Box]:
    """Yield Matroska's elements between two positions; one of unknown length goes as far as the one around it."""
    end = min(end, len(content))
    while at < end:
        length = 9 - content[at].bit_length()
        kind = int.from_bytes(content[at : at + length], "big")
        at += length
        length = 9 - content[at].bit_length()
        most = (1 << 7 * length) - 1  # all bits set: unknown
        size = int.from_bytes(content[at : at + length], "big") & most
        at += length
        yield _Box(kind, at, end if size == most else at + size)
        at = end if size == most else at + size


def _float(content: bytes) -> float:
    return float(struct.unpack({4: ">f", 8: ">d"}.get(len(content), ">0f"), content)[0]) if content else 0.0


def _pose_turn(yaw: float, roll: float) -> Turn:
    """Turn what is seen from behind (a yaw of half a turn), and then counter-clockwise; FFmpeg's reading, measured."""
    angle = math.radians(roll)
    cosine, sine = round(math.cos(angle), 6), round(math.sin(angle), 6)
    behind = (-1.0, 0.0, 0.0, 1.0) if abs(yaw) == 180 else _NO_TURN
    return _product(behind, (cosine, -sine, sine, cosine))
