"""Members that an Android dex file names, and those that it defines (dex format, source.android.com)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

_SIZES_AT = 0x38  # size and offset of strings, types, protos, fields, methods, classes
_NO_INDEX = 0xFFFFFFFF


class Member(NamedTuple):
    """A field, or a method.

    Attributes:
        holder: descriptor of the class that it is named with, ``Landroid/app/Activity;``.
        name: name; ``<init>`` for a constructor.
        returns: descriptor of the field's type, or of what the method returns.
        takes: descriptors of the method's arguments; None for a field.
    """

    holder: str
    name: str
    returns: str
    takes: tuple[str, ...] | None

    def __str__(self) -> str:
        words = ":" if self.takes is None else f"({''.join(self.takes)})"
        return f"{self.holder}.{self.name}{words}{self.returns}"


@dataclass(frozen=True, slots=True)
class DexFile:
    """What is in a dex file.

    Attributes:
        types: descriptors that it names.
        members: members that it names.
        defined: members of its own classes.
        parents: descriptor of each own class -> its parent and interfaces.
    """

    types: frozenset[str]
    members: frozenset[Member]
    defined: frozenset[Member]
    parents: dict[str, tuple[str, ...]]


def read_dex(data: bytes) -> DexFile:
    """Read a dex file."""
    assert data.startswith(b"dex\n")
    tables = [struct.unpack_from("<II", data, _SIZES_AT + 8 * number) for number in range(6)]
    (strings_at, types_at, protos_at, fields_at, methods_at, classes_at) = (
        [at + step * number for number in range(size)]
        for (size, at), step in zip(tables, (4, 4, 12, 8, 8, 32), strict=True)
    )

    def word(at: int) -> int:
        return int(struct.unpack_from("<I", data, at)[0])

    def short(at: int) -> int:
        return int(struct.unpack_from("<H", data, at)[0])

    strings = [_string(data, word(at)) for at in strings_at]
    types = [strings[word(at)] for at in types_at]

    def type_list(at: int) -> tuple[str, ...]:
        return tuple(types[short(at + 4 + 2 * number)] for number in range(word(at))) if at else ()

    protos = [(types[word(at + 4)], type_list(word(at + 8))) for at in protos_at]
    fields = [Member(types[short(at)], strings[word(at + 4)], types[short(at + 2)], None) for at in fields_at]
    methods = [Member(types[short(at)], strings[word(at + 4)], *protos[short(at + 2)]) for at in methods_at]
    parents, defined = {}, set[Member]()
    for at in classes_at:
        parent = [] if word(at + 8) == _NO_INDEX else [types[word(at + 8)]]
        parents[types[word(at)]] = (*parent, *type_list(word(at + 12)))
        if word(at + 24):
            defined |= _defined(data, word(at + 24), fields, methods)
    return DexFile(frozenset(types), frozenset(fields) | frozenset(methods), frozenset(defined), parents)


def _defined(data: bytes, at: int, fields: list[Member], methods: list[Member]) -> set[Member]:
    """Read a class's own members: four lists, whose indices are differences."""
    counts = []
    for _ in range(4):
        count, at = _uleb128(data, at)
        counts.append(count)
    found = set()
    for count, names, numbers in zip(counts, (fields, fields, methods, methods), (2, 2, 3, 3), strict=True):
        index = 0
        for _ in range(count):
            step, at = _uleb128(data, at)
            index += step
            found.add(names[index])
            for _ in range(numbers - 1):
                _, at = _uleb128(data, at)
    return found


def _string(data: bytes, at: int) -> str:
    _, at = _uleb128(data, at)
    return data[at : data.index(0, at)].decode(errors="replace")


def _uleb128(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
