"""What a page is made of. These are values: they know nothing of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

Svg = NewType("Svg", str)
"""An ``<svg>`` element as `deepmark.page.charts.draw` makes it; it goes into the page as it is."""

_DASH = "–"


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a table or a headline; the page carries the exact value behind the text.

    Attributes:
        value: None where there is none, which reads "–"; it must not be NaN or infinite.
        spec: how to write it, as in ``format``: ``".4f"``, ``","``, ``".1%"``.
        shade: colour behind it in a table, from 0 (none) to 1 (full).
    """

    value: float | None
    spec: str = ","
    shade: float = 0

    @property
    def text(self) -> str:
        """The value as it is to be read."""
        return _DASH if self.value is None else format(self.value, self.spec)


Cell = str | Number
Cells = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a column stands on the right where a row has a `Number` in it.

    Attributes:
        caption: what it shows, in a sentence or less.
        columns: headings; the first column names the rows.
        rows: as long as ``columns`` each.
        total: last row, set apart; None for no such row.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Cells, ...]
    total: Cells | None = None

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether numbers stand in it."""
        rows = self.rows if self.total is None else (*self.rows, self.total)
        return tuple(any(isinstance(row[at], Number) for row in rows) for at in range(len(self.columns)))


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Attributes:
        svg: from `deepmark.page.draw`.
        caption: text below it: what there is to see.
    """

    svg: Svg
    caption: str


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A photograph or drawing; pictures that follow each other stand side by side.

    Attributes:
        jpeg: content of the JPEG file.
        caption: text below it, and for those who cannot see it.
    """

    jpeg: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values, for example what was run."""

    facts: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Headline:
    """The few numbers that the page is about, large: name -> value."""

    figures: Mapping[str, Cell]


Block = Table | Chart | PagePicture | Facts | Headline


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes:
        title: heading of a word or three; no two of a page are the same.
        intro: a paragraph on how to read what follows; may be empty.
        blocks: from top to bottom.
    """

    title: str
    intro: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        title: heading of the page.
        subtitle: sentence below the heading.
        sections: from top to bottom.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
