"""Make ``.mnn`` files reproducible: the converter writes a random id, we write one that follows from the source.

A ``.mnn`` file is a flatbuffer whose root is the table ``Net`` (MNN's ``schema/default/MNN.fbs``). Its field 11,
``mnn_uuid``, is the only thing in which two conversions of one model differ, and nothing reads it to run the model.
"""

from __future__ import annotations

import struct
import uuid

from deepmark.errors import ConversionError

UUID_FIELD = 11  # position of mnn_uuid among the fields of table Net
UUID_LENGTH = 36  # 8-4-4-4-12 hexadecimal digits


def with_fixed_uuid(model: bytes, source_sha256: str) -> bytes:
    """Return the file with its random id replaced by one made from the sha256 of the model it was converted from.

    Raises:
        ConversionError: the file is no MNN model, or a version of MNN that keeps its id elsewhere wrote it.
    """
    start = _string_field(model, UUID_FIELD)
    try:
        uuid.UUID(model[start : start + UUID_LENGTH].decode())
    except ValueError as error:
        raise ConversionError("the converter's file holds no id where MNN 3 keeps it", stage="onnx -> mnn") from error
    fixed = str(uuid.UUID(bytes=bytes.fromhex(source_sha256)[:16])).encode()
    return model[:start] + fixed + model[start + UUID_LENGTH :]


def _string_field(model: bytes, field: int) -> int:
    """Return where the characters of a string field of a flatbuffer's root table start."""
    try:
        (root,) = struct.unpack_from("<I", model, 0)
        (to_vtable,) = struct.unpack_from("<i", model, root)
        vtable = root - to_vtable
        (vtable_bytes,) = struct.unpack_from("<H", model, vtable)
        slot = 4 + 2 * field  # a vtable starts with its own and the table's length, two bytes each
        offset = struct.unpack_from("<H", model, vtable + slot)[0] if slot < vtable_bytes else 0
        if not offset:
            raise ConversionError(f"the converter's file has no field {field}", stage="onnx -> mnn")
        position = root + offset
        (to_string,) = struct.unpack_from("<I", model, position)
    except struct.error as error:
        raise ConversionError("the converter's file is no flatbuffer", stage="onnx -> mnn") from error
    return int(position + to_string + 4)  # past the string's length
