"""Let an int8 model give its outputs in float: MNN's quantiser rounds them to 8 bits even behind layers left in float.

A ``.mnn`` file is a flatbuffer whose root is the table ``Net`` (MNN's ``schema/default/MNN.fbs``). It describes tensors
in field 1, each with its number (field 1) and, where it is held in 8 bits, its range (field 4), whose own field 4 is
the type of the numbers. Setting that to float is what takes a tensor out; nothing moves, as numbers keep their length.
"""

from __future__ import annotations

import struct
from collections.abc import Collection

from deepmark.errors import ConversionError

STAGE = "mnn -> int8"
BEFORE_LAYOUT = "__before_tr"  # the same tensor, before MNN's last change of layout
_DESCRIBED, _TENSOR_NAMES = 1, 7  # fields of Net
_NUMBER, _RANGE, _TYPE = 1, 4, 4  # of TensorDescribe, and of TensorQuantInfo
_FLOAT, _INT8 = 1, 6  # enum DataType


def with_float_outputs(model: bytes, outputs: Collection[str]) -> bytes:
    """Return the model with these outputs in float.

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
                place = _table(model, _follow(model, tensor[_RANGE]))[_TYPE]
                if _int(model, place) != _INT8:
                    raise ConversionError(f"{name} is held in type {_int(model, place)}, not in 8 bits", stage=STAGE)
                struct.pack_into("<i", changed, place, _FLOAT)
                found.add(name)
    except (struct.error, KeyError, IndexError, UnicodeDecodeError) as error:
        raise ConversionError("the quantiser's file is no model as MNN 3 writes them", stage=STAGE) from error
    if missing := set(outputs) - found:
        raise ConversionError(
            f"the quantiser's file does not say how it holds {', '.join(sorted(missing))}", stage=STAGE
        )
    return bytes(changed)


def _table(buffer: bytes, position: int) -> dict[int, int]:
    """Where the fields of a table lie: field number -> position; absent fields are left out."""
    vtable = position - _int(buffer, position)
    size = struct.unpack_from("<H", buffer, vtable)[0]
    offsets = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", buffer, vtable + 4)
    return {field: position + offset for field, offset in enumerate(offsets) if offset}


def _items(buffer: bytes, position: int) -> range:
    """Where the offsets of a vector's tables or strings lie."""
    start = _follow(buffer, position)
    return range(start + 4, start + 4 + 4 * struct.unpack_from("<I", buffer, start)[0], 4)


def _text(buffer: bytes, position: int) -> str:
    start = _follow(buffer, position)
    return buffer[start + 4 : start + 4 + struct.unpack_from("<I", buffer, start)[0]].decode()


def _follow(buffer: bytes, position: int) -> int:
    return int(position + struct.unpack_from("<I", buffer, position)[0])


def _int(buffer: bytes, position: int) -> int:
    return int(struct.unpack_from("<i", buffer, position)[0])
