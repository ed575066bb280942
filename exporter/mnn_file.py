"""What is changed in ``.mnn`` files after MNN's own tools wrote them: a random id, and the type of outputs.

A ``.mnn`` file is a flatbuffer whose root is the table ``Net`` (MNN's ``schema/default/MNN.fbs``). Nothing moves in it
here: an id has one length, and numbers keep theirs.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Collection

from deepmark.errors import ConversionError

CONVERSION = "onnx -> mnn"
QUANTISATION = "mnn -> int8"
UUID_LENGTH = 36  # 8-4-4-4-12 hexadecimal digits
BEFORE_LAYOUT = "__before_tr"  # the same tensor, before MNN's last change of layout
_DESCRIBED, _TENSOR_NAMES, _UUID = 1, 7, 11  # fields of Net
_NUMBER, _RANGE, _TYPE = 1, 4, 4  # of TensorDescribe, and of TensorQuantInfo
_FLOAT, _INT8 = 1, 6  # enum DataType


def with_fixed_uuid(model: bytes, source_sha256: str) -> bytes:
    """Return the file with its random id replaced by one made from the sha256 of the model it was converted from.

    The id, ``mnn_uuid``, is the only thing in which two conversions of one model differ, and nothing reads it to run
    the model.

    Raises:
        ConversionError: the file is no MNN model, or a version of MNN that keeps its id elsewhere wrote it.
    """
    try:
        net = _table(model, _follow(model, 0))
        if _UUID not in net:
            raise ConversionError(f"the converter's file has no field {_UUID}", stage=CONVERSION)
        start = _follow(model, net[_UUID]) + 4  # past the string's length
    except struct.error as error:
        raise ConversionError("the converter's file is no flatbuffer", stage=CONVERSION) from error
    try:
        uuid.UUID(model[start : start + UUID_LENGTH].decode())
    except ValueError as error:
        raise ConversionError("the converter's file holds no id where MNN 3 keeps it", stage=CONVERSION) from error
    fixed = str(uuid.UUID(bytes=bytes.fromhex(source_sha256)[:16])).encode()
    return model[:start] + fixed + model[start + UUID_LENGTH :]


def with_float_outputs(model: bytes, outputs: Collection[str]) -> bytes:
    """Return an int8 model with these outputs in float: MNN's quantiser rounds them even behind layers left in float.

    ``Net`` describes tensors in field 1, each with its number (field 1) and, where it is held in 8 bits, its range
    (field 4), whose own field 4 is the type of the numbers. Setting that to float is what takes a tensor out.

    Raises:
        ConversionError: the file is no MNN model, or describes its tensors otherwise.
    """
    changed = bytearray(model)
    wanted = {*outputs, *(f"{name}{BEFORE_LAYOUT}" for name in outputs)}
    found = set()
    try:
        net = _table(model, _follow(model, 0))
        names = [_text(model, at) for at in _items(model, net[_TENSOR_NAMES])]
        for at in _items(model, net[_DESCRIBED]):
            tensor = _table(model, _follow(model, at))
            name = names[_int(model, tensor[_NUMBER])] if _NUMBER in tensor else names[0]
            if name in wanted and _RANGE in tensor:
                type_at = _table(model, _follow(model, tensor[_RANGE]))[_TYPE]
                if _int(model, type_at) != _INT8:
                    raise ConversionError(
                        f"{name} is held in type {_int(model, type_at)}, not in 8 bits", stage=QUANTISATION
                    )
                struct.pack_into("<i", changed, type_at, _FLOAT)
                found.add(name)
    except (struct.error, KeyError, IndexError, UnicodeDecodeError) as error:
        raise ConversionError("the quantiser's file is no model as MNN 3 writes them", stage=QUANTISATION) from error
    if missing := set(outputs) - found:
        raise ConversionError(
            f"the quantiser's file does not say how it holds {', '.join(sorted(missing))}", stage=QUANTISATION
        )
    return bytes(changed)


def _table(buffer: bytes, position: int) -> dict[int, int]:
    """Return where the fields of a table lie: field number -> position; absent fields are left out."""
    vtable = position - _int(buffer, position)
    size = struct.unpack_from("<H", buffer, vtable)[0]  # its own length and the table's, two bytes each, then fields
    offsets = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", buffer, vtable + 4)
    return {field: position + offset for field, offset in enumerate(offsets) if offset}


def _items(buffer: bytes, position: int) -> range:
    """Return where the offsets of a vector's tables or strings lie."""
    start = _follow(buffer, position)
    return range(start + 4, start + 4 + 4 * struct.unpack_from("<I", buffer, start)[0], 4)


def _text(buffer: bytes, position: int) -> str:
    start = _follow(buffer, position)
    return buffer[start + 4 : start + 4 + struct.unpack_from("<I", buffer, start)[0]].decode()


def _follow(buffer: bytes, position: int) -> int:
    return int(position + struct.unpack_from("<I", buffer, position)[0])


def _int(buffer: bytes, position: int) -> int:
    return int(struct.unpack_from("<i", buffer, position)[0])
