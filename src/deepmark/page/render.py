"""A page as one HTML file: no script, no network, light or dark as the reader has it, fit to print."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from deepmark.extras import require
from deepmark.files import whole_file
from deepmark.page.blocks import Block, Number, Page

_HERE = Path(__file__).parent


def require_report() -> None:
    """Refuse to begin what could not be finished.

    Raises:
        DeepMarkError: a library that draws and writes pages is not installed.
    """
    require("an HTML report", "jinja2", "matplotlib", extra="report")


def render_page(page: Page) -> str:
    """Return the page as HTML; the same page gives the same text.

    Raises:
        DeepMarkError: Jinja2 is not installed.
    """
    require_report()
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(runs=_runs, base64=_base64)
    environment.tests["number"] = lambda cell: isinstance(cell, Number)
    return environment.get_template("page.html.j2").render(page=page)


def write_page(path: Path, page: Page) -> None:
    """Write a page; the file appears whole or not at all.

    Raises:
        DeepMarkError: it cannot be written, or Jinja2 is not installed.
    """
    html = render_page(page)
    with whole_file(path) as hidden:
        hidden.write_text(html, encoding="utf-8", newline="\n")


def _runs(blocks: Iterable[Block]) -> list[tuple[str, list[Block]]]:
    """Group blocks of one kind that follow each other: (kind, blocks)."""
    return [(kind, list(run)) for kind, run in groupby(blocks, lambda block: type(block).__name__)]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
