"""What a program writes: results to stdout as JSON, lines and tables for the reader to stderr, less with ``-q``."""

from __future__ import annotations

import codecs
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_logger = logging.getLogger("deepmark")  # its level is all that is kept of -v and -q


def set_level(level: int) -> None:
    """Let our own loggers say as much; those of the libraries below stay as quiet as they are.

    Args:
        level: ``logging.DEBUG`` for ``-v``; ``logging.ERROR`` for ``-q``, which silences everything but errors.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr, force=True)
    _logger.setLevel(level)


def forget_level() -> None:
    """Be as verbose as without ``-v`` and ``-q``: what one program in this process asked for is not for the next."""
    _logger.setLevel(logging.NOTSET)


def be_quiet() -> None:
    """Print errors only from here on, as if ``-q`` was given."""
    set_level(logging.ERROR)


def is_quiet() -> bool:
    """Return whether ``-q`` was given."""
    return _logger.level == logging.ERROR


def print_json(document: object) -> None:
    """Print one JSON document on stdout; takes what msgspec takes (structs, dataclasses, lists, dicts)."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    if not text.isascii() and codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8":
        text = _NOT_ASCII.sub(_escaped, text)  # JSON is UTF-8: in any other encoding only ASCII is right
    write_line(sys.stdout, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def print_text(line: str) -> None:
    """Print a result that is one line of text on stdout."""
    write_line(sys.stdout, line)


def say(line: str) -> None:
    """Print a line for the reader on stderr, unless ``-q`` was given."""
    if not is_quiet():
        write_line(sys.stderr, line)


def write_line(stream: TextIO, line: str) -> None:
    """Write a line at once, whatever ``-q`` says."""
    stream.write(f"{line}\n")
    stream.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table on stderr, unless ``-q`` was given; columns whose cells are all numbers stand on the right."""
    if is_quiet():
        return
    from rich.console import Console
    from rich.table import Table

    cells = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        numeric = bool(cells) and all(_is_number(row[number]) for row in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140).print(table)


def _is_number(text: str) -> bool:
    return not text or text in {"-", "–"} or text[0].isdigit() or (text[0] in "+-." and text[1:2].isdigit())
