"""Pages to look at: one HTML file that needs nothing else, with tables, charts and pictures."""

from deepmark.page.blocks import (
    Block,
    Cell,
    Cells,
    Chart,
    Facts,
    Headline,
    Number,
    Page,
    PagePicture,
    Section,
    Table,
)
from deepmark.page.charts import SERIES, draw
from deepmark.page.render import render_page, require_report, write_page

__all__ = [
    "SERIES",
    "Block",
    "Cell",
    "Cells",
    "Chart",
    "Facts",
    "Headline",
    "Number",
    "Page",
    "PagePicture",
    "Section",
    "Table",
    "draw",
    "render_page",
    "require_report",
    "write_page",
]
