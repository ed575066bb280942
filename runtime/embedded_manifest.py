"""Metadata inside a bare ``.onnx`` or ``.mnn`` file, read without an inference engine.

The exporter writes one entry, `METADATA_KEY` -> the manifest as JSON, into the ONNX file's ``metadata_props``; MNN's
converter carries it over. ONNX Runtime could read it only by loading the whole model, and MNN's Python module not at
all, so both file formats are walked here as far as that entry: a few dozen bytes of a protocol buffer, and of a
FlatBuffer. Every offset comes from the file and may be wrong; it is checked before it is followed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from deepmark.errors import BundleError

METADATA_KEY = "deepmark"

_EXPORT_HINT = "export the checkpoint with this program: only its files say how to prepare the input and read the heads"


def read_embedded(path: Path, document: memoryview) -> bytes:
    """Return the manifest's JSON text from the bytes of a model file; ``path`` gives the format and the name in errors.

    Raises:
        BundleError: the file is cut short, of another format, or carries no manifest.
    """
    find = {".onnx": _find_in_onnx, ".mnn": _find_in_mnn}[path.suffix.lower()]
    try:
        value = find(document, METADATA_KEY.encode())
    except (IndexError, ValueError, struct.error) as error:
        raise BundleError(
            f"{path} is no {path.suffix.lower()[1:].upper()} model, or a damaged one ({len(document):,} bytes)",
            hint="copy or export it again",
        ) from error
    if value is None:
        raise BundleError(f"{path} carries no DeepMark manifest", hint=_EXPORT_HINT)
    return value


# --- ONNX: the protocol buffer ModelProto (onnx.proto3) -------------------------------------------------------------

_METADATA_PROPS = 14  # ModelProto.metadata_props: repeated StringStringEntryProto
_KEY, _VALUE = 1, 2  # fields of StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


def _find_in_onnx(document: memoryview, key: bytes) -> bytes | None:
    found = None
    for field, payload in _protobuf_fields(document):
        if field == _METADATA_PROPS:
            entry = dict(_protobuf_fields(payload))
            if bytes(entry.get(_KEY, b"")) == key:
                found = bytes(entry.get(_VALUE, b""))
    return found


def _protobuf_fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Split a message into (field number, payload); payloads of number fields are left empty."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        field, wire = tag >> 3, tag & 7
        length = 0
        if wire == _VARINT:
            _, position = _varint(message, position)
        elif wire == _BYTES:
            length, position = _varint(message, position)
        elif wire in {_FIXED32, _FIXED64}:
            position += 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if position + length > len(message):
            raise ValueError("a field ends beyond the file")
        yield field, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


# --- MNN: the FlatBuffer Net (MNN.fbs) ------------------------------------------------------------------------------

_NET_EXTRA_INFO, _EXTRA_INFO_BUFFER = 2, 0  # Net.extraInfo.buffer: bytes of a FlatBuffer Extra
_EXTRA_ATTRIBUTES, _ATTRIBUTE_TEXT, _ATTRIBUTE_KEY = 3, 0, 3  # Extra.attr[].s and .key


def _find_in_mnn(document: memoryview, key: bytes) -> bytes | None:
    net = _table(document, _follow(document, 0))
    if _NET_EXTRA_INFO not in net:
        return None
    info = _table(document, _follow(document, net[_NET_EXTRA_INFO]))
    if _EXTRA_INFO_BUFFER not in info:
        return None  # the ONNX file had no metadata at all
    extra_bytes = _vector(document, info[_EXTRA_INFO_BUFFER], item_bytes=1)
    extra = _table(extra_bytes, _follow(extra_bytes, 0))
    if _EXTRA_ATTRIBUTES not in extra:
        return None
    start = _follow(extra_bytes, extra[_EXTRA_ATTRIBUTES]) + 4
    count = len(_vector(extra_bytes, extra[_EXTRA_ATTRIBUTES], item_bytes=4)) // 4
    for position in range(start, start + 4 * count, 4):
        attribute = _table(extra_bytes, _follow(extra_bytes, position))
        if {_ATTRIBUTE_KEY, _ATTRIBUTE_TEXT} <= attribute.keys():
            name = _vector(extra_bytes, attribute[_ATTRIBUTE_KEY], item_bytes=1)
            if bytes(name) == key:
                return bytes(_vector(extra_bytes, attribute[_ATTRIBUTE_TEXT], item_bytes=1))
    return None


def _table(buffer: memoryview, position: int) -> dict[int, int]:
    """Where the fields of the table at ``position`` lie: field number -> position; absent fields are left out."""
    vtable = position - struct.unpack_from("<i", buffer, position)[0]
    if vtable < 0:
        raise ValueError("a table before the file")
    size = struct.unpack_from("<H", buffer, vtable)[0]
    offsets = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", buffer, vtable + 4)
    return {field: position + offset for field, offset in enumerate(offsets) if offset}


def _follow(buffer: memoryview, position: int) -> int:
    return int(position + struct.unpack_from("<I", buffer, position)[0])


def _vector(buffer: memoryview, position: int, *, item_bytes: int) -> memoryview:
    start = _follow(buffer, position)
    length = struct.unpack_from("<I", buffer, start)[0] * item_bytes
    if start + 4 + length > len(buffer):
        raise ValueError("a vector ends beyond the file")
    return buffer[start + 4 : start + 4 + length]
