"""Tables of landmarks or of classes as CSV: the user's own, and the built-in ones beside this file.

A table of landmarks has the columns `COLUMNS` and one row per landmark. A table of classes without landmarks has the
columns `CLASS_COLUMNS`, none of the others of `COLUMNS`, and one row per class. More columns are ignored in both.
`deepmark.runtime.keypoints.schema` makes a `KeypointSchema` of one.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from deepmark.errors import DataError

COLUMNS = (
    "global_index",  # 0-based position in the layout of all landmarks of all classes
    "class_id",  # 1-based
    "class_name",
    "local_index",  # 1-based position inside the class
    "keypoint_name",
    "swap_global_index",  # left/right partner; itself for a landmark in the middle
    "group_id",  # 0-based network channel
    "group_name",
    "sigma",  # OKS sigma
)
CLASS_COLUMNS = ("class_id", "class_name")
_EXPECTED = f"{','.join(COLUMNS)}; or, for classes without landmarks, {','.join(CLASS_COLUMNS)} alone"


@dataclass(frozen=True, slots=True)
class LandmarkRow:
    """One line of a table.

    Attributes:
        line: 1-based number of the line in the file.
        landmark: 0-based position in the layout of all landmarks of all classes.
        class_id: 1-based number of the class.
        class_name: name of the class.
        position: 1-based position inside the class.
        name: name of the landmark, without its class.
        partner: landmark on the other side; itself for a landmark in the middle.
        group: 0-based network channel.
        group_name: name of that channel.
        sigma: OKS sigma, above 0.
    """

    line: int
    landmark: int
    class_id: int
    class_name: str
    position: int
    name: str
    partner: int
    group: int
    group_name: str
    sigma: float


@dataclass(frozen=True, slots=True)
class LandmarkTable:
    """A whole table whose lines fit each other.

    Attributes:
        class_names: one name per class.
        classes: rows of each class, in the class's own order; no row in a table of classes without landmarks.
        group_names: one name per network channel.
        outlines: polylines of 0-based positions to draw each class with; empty for a class without an outline.
    """

    class_names: tuple[str, ...]
    classes: tuple[tuple[LandmarkRow, ...], ...]
    group_names: tuple[str, ...]
    outlines: tuple[tuple[tuple[int, ...], ...], ...]


def read_table(path: Path) -> LandmarkTable:
    """Read a table of landmarks or of classes, as its columns tell.

    Raises:
        DataError: the file cannot be read, or a line is wrong; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot read the keypoint schema {path}: {error.strerror}", hint="check the path of the CSV file"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"the keypoint schema {path} is not UTF-8 text (byte {error.start})",
            hint=f"a schema is a CSV file with the columns {_EXPECTED}",
        ) from error
    return _parse(text, path.name)


def read_builtin_table(table: str, *, group_column: str = "group_id") -> LandmarkTable:
    """Read a table that ships with the package, landmarks with outlines; ``group_column`` chooses the grouping."""
    parsed = _parse(_data(f"{table}.csv"), f"{table}.csv", group_column=group_column)
    if not parsed.group_names:
        return parsed
    outlines = _outlines(_data(f"{table}_outlines.csv"))
    return replace(parsed, outlines=tuple(outlines[class_id] for class_id, _ in enumerate(parsed.classes, 1)))


def _parse(text: str, source: str, *, group_column: str = "group_id") -> LandmarkTable:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        given = [column for column in COLUMNS if column in (reader.fieldnames or ())]
        if given == list(CLASS_COLUMNS):
            return _classes(reader, source)
        rows = list(_rows(reader, source, group_column))
    except csv.Error as error:
        raise DataError(f"{source} is no CSV table: {error}") from error
    if not rows:
        raise DataError(f"{source}: no landmark, only a header", hint="one row per landmark is expected")
    by_landmark = _unique(((row.landmark, row) for row in rows), source, "global_index")
    _contiguous(by_landmark, 0, source, "global_index")
    class_names = _consistent(((row.class_id, row.class_name, row.line) for row in rows), source, "class_id")
    _contiguous(class_names, 1, source, "class_id")
    group_names = _consistent(((row.group, row.group_name, row.line) for row in rows), source, group_column)
    _contiguous(group_names, 0, source, group_column)
    classes = []
    for class_id in sorted(class_names):
        members = _unique(((r.position, r) for r in rows if r.class_id == class_id), source, "local_index")
        _contiguous(members, 1, source, f"local_index of class {class_id}")
        in_order = tuple(members[position] for position in sorted(members))
        _check_class(in_order, by_landmark, source)
        classes.append(in_order)
    names = tuple(group_names[group] for group in sorted(group_names))
    return LandmarkTable(
        tuple(class_names[class_id] for class_id in sorted(class_names)),
        tuple(classes),
        names,
        outlines=((),) * len(classes),
    )


def _classes(reader: csv.DictReader[str], source: str) -> LandmarkTable:
    """Read a table of classes without landmarks."""
    lines: dict[int, int] = {}
    names: dict[int, str] = {}
    for row, line in _whole_rows(reader, source):
        class_id, name = _integer(row, "class_id", line, source), row["class_name"]
        if class_id in lines:
            raise DataError(
                f"{source}, line {line}: class_id {class_id} stands twice (first in line {lines[class_id]})"
            )
        lines[class_id], names[class_id] = line, name
    if not names:
        raise DataError(f"{source}: no class, only a header", hint="one row per class is expected")
    _contiguous(names, 1, source, "class_id")
    return LandmarkTable(
        tuple(names[class_id] for class_id in sorted(names)),
        classes=((),) * len(names),
        group_names=(),
        outlines=((),) * len(names),
    )


def _check_class(members: Sequence[LandmarkRow], by_landmark: dict[int, LandmarkRow], source: str) -> None:
    """Require one landmark per group, and partners that name each other."""
    seen: dict[int, int] = {}
    for row in members:
        if row.group in seen:
            raise DataError(
                f"{source}, line {row.line}: class {row.class_name!r} has group {row.group} twice"
                f" (first in line {seen[row.group]})",
                hint="two landmarks of a garment need two channels",
            )
        seen[row.group] = row.line
        partner = by_landmark.get(row.partner)
        if partner is None or partner.class_id != row.class_id:
            raise DataError(
                f"{source}, line {row.line}: swap_global_index {row.partner} is no landmark of {row.class_name!r}"
            )
        if partner.partner != row.landmark:
            raise DataError(
                f"{source}, line {row.line}: landmark {row.landmark} names {row.partner} as its mirror,"
                f" but landmark {row.partner} (line {partner.line}) names {partner.partner}"
            )


def _rows(reader: csv.DictReader[str], source: str, group_column: str) -> Iterable[LandmarkRow]:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"{source}, line 1: column {missing[0]!r} is missing; found {', '.join(reader.fieldnames or ()) or 'none'}",
            hint=f"the columns are {_EXPECTED}",
        )
    for row, line in _whole_rows(reader, source):
        named_groups = group_column == "group_id"
        yield LandmarkRow(
            line=line,
            landmark=_integer(row, "global_index", line, source),
            class_id=_integer(row, "class_id", line, source),
            class_name=row["class_name"],
            position=_integer(row, "local_index", line, source),
            name=row["keypoint_name"].rpartition(".")[2],
            partner=_integer(row, "swap_global_index", line, source),
            group=_integer(row, group_column, line, source),
            group_name=row["group_name"] if named_groups else f"{group_column.removesuffix('_id')}_{row[group_column]}",
            sigma=_sigma(row, line, source),
        )


def _whole_rows(reader: csv.DictReader[str], source: str) -> Iterator[tuple[dict[str, str], int]]:
    """Yield every row, none of which may be shorter or longer than the header, and the number of its line."""
    for row in reader:
        if None in row or None in row.values():
            raise DataError(f"{source}, line {reader.line_num}: expected {len(reader.fieldnames or ())} fields")
        yield row, reader.line_num


def _integer(row: dict[str, str], column: str, line: int, source: str) -> int:
    try:
        return int(row[column])
    except ValueError:
        raise DataError(f"{source}, line {line}: {column} must be a whole number, found {row[column]!r}") from None


def _sigma(row: dict[str, str], line: int, source: str) -> float:
    try:
        sigma = float(row["sigma"])
    except ValueError:
        sigma = math.nan
    if not (math.isfinite(sigma) and sigma > 0):
        raise DataError(f"{source}, line {line}: sigma must be a number above 0, found {row['sigma']!r}")
    return sigma


def _unique(items: Iterable[tuple[int, LandmarkRow]], source: str, what: str) -> dict[int, LandmarkRow]:
    found: dict[int, LandmarkRow] = {}
    for key, row in items:
        if key in found:
            raise DataError(f"{source}, line {row.line}: {what} {key} stands twice (first in line {found[key].line})")
        found[key] = row
    return found


def _consistent(items: Iterable[tuple[int, str, int]], source: str, what: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for key, name, line in items:
        if names.setdefault(key, name) != name:
            raise DataError(f"{source}, line {line}: {what} {key} is named {name!r} here and {names[key]!r} before")
    return names


def _contiguous(found: Iterable[int], start: int, source: str, what: str) -> None:
    numbers = sorted(found)
    for expected, number in enumerate(numbers, start):
        if number != expected:
            raise DataError(
                f"{source}: {what} must run from {start} without gaps; expected {expected}, found {number}",
                hint=f"{len(numbers)} different values were read",
            )


def _data(name: str) -> str:
    return resources.files("deepmark.runtime.keypoints").joinpath("data", name).read_text(encoding="utf-8")


def _outlines(text: str) -> dict[int, tuple[tuple[int, ...], ...]]:
    return {
        int(row["class_id"]): tuple(tuple(int(p) - 1 for p in line.split("-")) for line in row["outline"].split())
        for row in csv.DictReader(io.StringIO(text))
    }
