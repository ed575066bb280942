"""The level of Android that brought each public member: D8's own table, and the framework's classes for their parents.

The table has hashes instead of names (R8 3.3, AndroidApiLevelHashingDatabaseImpl). Hidden members are not in it.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dex_file import DexFile, Member

_HEAD = 27  # bytes of Java's serialisation before an array's elements
_TABLES = "api_database/api_database_hash_lookup.ser", "api_database/api_database_api_level.ser"
_AMBIGUOUS = 255  # two members have one hash
_OF_THE_FORMAT = "Ldalvik/annotation/"  # what dex files tell of their classes; no code names them
_OBJECT = "Ljava/lang/Object;"
_OF_OBJECT = {
    "<init>",
    "clone",
    "equals",
    "finalize",
    "getClass",
    "hashCode",
    "notify",
    "notifyAll",
    "toString",
    "wait",
}


class AndroidLevels:
    """Levels of Android's types and members.

    Args:
        tools: jar with D8 in it.
        framework: jar of Android's classes.
    """

    def __init__(self, tools: Path, framework: Path) -> None:
        with zipfile.ZipFile(tools) as archive:
            hashes, levels = (archive.read(name)[_HEAD:] for name in _TABLES)
        self._levels = dict(zip(struct.unpack(f">{len(levels)}i", hashes), levels, strict=True))
        self._framework = zipfile.ZipFile(framework)
        self._names = frozenset(self._framework.namelist())
        self._parents: dict[str, tuple[str, ...]] = {}

    def of_type(self, descriptor: str) -> int | None:
        """Return the level that brought a type; None for one that is not public, or not there."""
        return self._known(_text(descriptor))

    def of_member(self, member: Member) -> int | None:
        """Return the level from which on a member can be used, its holder's parents' as well; None for no level."""
        if member.name == "<init>":
            found = [self._own(member)]
        else:
            found = [self._own(member._replace(holder=holder)) for holder in self._line([member.holder])]
        return min((level for level in found if level is not None), default=None)

    def _own(self, member: Member) -> int | None:
        if member.holder == _OBJECT:
            return 1 if member.name in _OF_OBJECT else None
        holder, returns, name = _text(member.holder), _text(member.returns), _text(member.name)
        if member.takes is None:
            return self._known(holder + 7 * returns + 31 * name)
        shorty = "".join("L" if one[0] in "L[" else one[0] for one in (member.returns, *member.takes))
        proto = 7 * _text(shorty) + 13 * returns + 31 * _listed(_text(one) for one in member.takes)
        return self._known(7 * holder + 29 * proto + 31 * name)

    def _known(self, key: int) -> int | None:
        level = self._levels.get(_signed(key))
        assert level != _AMBIGUOUS, "the table does not tell two members apart"
        return level

    def _line(self, holders: Iterable[str]) -> Iterator[str]:
        """Yield classes, and all that they descend from in Android."""
        for holder in holders:
            yield holder
            yield from self._line(self.parents(holder))

    def parents(self, descriptor: str) -> tuple[str, ...]:
        """Return a class's parent and interfaces; one that the jar has not, as String, descends from Object."""
        if descriptor == _OBJECT:
            return ()
        if descriptor not in self._parents:
            name = f"{descriptor[1:-1]}.class"
            found = _parents_in(self._framework.read(name)) if name in self._names else (_OBJECT,)
            self._parents[descriptor] = found
        return self._parents[descriptor]


def newer_than(dex: DexFile, levels: AndroidLevels, oldest: int) -> dict[str, int | None]:
    """Find what a dex file names and the oldest Android that it runs on has not.

    Args:
        dex: the file.
        levels: levels of Android's members.
        oldest: its level of Android.

    Returns:
        Type or member -> the level that brought it, None for one that no Android has in public.
    """
    named: dict[str, int | None] = {}
    for descriptor in dex.types:
        plain = descriptor.lstrip("[")
        if plain[0] == "L" and plain not in dex.parents and not plain.startswith(_OF_THE_FORMAT):
            named[plain] = levels.of_type(plain)
    for member in dex.members:
        if member.holder[0] == "[":
            continue  # an array's clone
        found = _roots(member, dex)
        if found is not None:
            known = [level for level in map(levels.of_member, found) if level is not None]
            named[str(member)] = min(known, default=None)
    return {name: level for name, level in named.items() if level is None or level > oldest}


def _roots(member: Member, dex: DexFile) -> list[Member] | None:
    """Return a member as its own class's ancestors in Android would hold it; None for one that the file defines."""
    if member in dex.defined:
        return None
    if member.holder not in dex.parents:
        return [member]
    above: list[Member] = []
    for parent in dex.parents[member.holder]:
        found = _roots(member._replace(holder=parent), dex)
        if found is None:
            return None
        above += found
    return above


def _text(text: str) -> int:
    data = text.encode()
    return 7 * len(data) + _listed(byte for byte in (*data, 0))


def _listed(hashes: Iterable[int]) -> int:
    """Hash a list as Java's Arrays.hashCode."""
    result = 1
    for one in hashes:
        result = _signed(31 * result + one)
    return result


def _signed(number: int) -> int:
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _parents_in(content: bytes) -> tuple[str, ...]:
    """Read the parent and the interfaces out of a class file."""
    (count,) = struct.unpack_from(">H", content, 8)
    at, number = 10, 1
    entries: dict[int, int | str] = {}
    while number < count:
        tag = content[at]
        if tag == 1:
            (size,) = struct.unpack_from(">H", content, at + 1)
            entries[number] = content[at + 3 : at + 3 + size].decode(errors="replace")
            at += 3 + size
        else:
            (entries[number],) = struct.unpack_from(">H", content, at + 1)
            at += {7: 3, 8: 3, 15: 4, 16: 3, 19: 3, 20: 3}.get(tag, 9 if tag in (5, 6) else 5)
        number += 2 if tag in (5, 6) else 1
    parent, interfaces = struct.unpack_from(">HH", content, at + 4)
    of = struct.unpack_from(f">{interfaces}H", content, at + 8)
    return tuple(f"L{entries[int(entries[one])]};" for one in (parent, *of) if one)
