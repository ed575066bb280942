"""Charts as SVG that becomes part of the page: its text is text, its colours are the page's, in light and in dark.

A chart is drawn in the colours of the light page. On the way out each of them becomes the variable of the page's style
that it stands for, so one drawing serves both. The series differ for colour-blind readers too (after Okabe and Ito).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from deepmark.page.blocks import Svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

INK, MUTED, RULE = "#1d2126", "#5c6670", "#d5dae0"
SERIES = ("#0067a8", "#c94f08", "#00805a", "#a8478c", "#8a6a00", "#3f9bd1")
"""Colours for lines and bars, in the order in which to use them."""

_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)
}
_WIDTH = 7.2  # inches; on the page a chart is as wide as the text
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def draw(label: str, paint: Callable[[Figure], None], *, height: float = 3.2) -> Svg:
    """Draw a chart; the same calls give the same bytes.

    Args:
        label: what it is, for those who cannot see it; no two charts of a page share it.
        paint: function that fills an empty figure, with axes from ``figure.subplots`` for example.
        height: height of the chart, in inches where its width is 7.2.

    Returns:
        An ``<svg>`` element.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_style(label)):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        paint(figure)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(written.getvalue(), label)


def _style(label: str) -> dict[RcKeyType, Any]:
    from cycler import cycler

    return {
        "svg.fonttype": "none",
        "svg.hashsalt": label,
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same measures everywhere
        "font.size": 7.5,
        "axes.titlesize": 8,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.labelsize": 7.5,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=SERIES),
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "legend.frameon": False,
        "lines.linewidth": 1.5,
    }


def _inline(document: str, label: str) -> Svg:
    """Make matplotlib's document an element of a page: no prologue, no size of its own, no ids that others may have."""
    body = document[document.index("<svg") :].strip()
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", body, flags=re.DOTALL)  # would be the whole page's
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda found: _themed(found[0]), body)
    view = re.search(r'viewBox="[^"]*"', body)
    assert view is not None
    start = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {view[0]}'
    return Svg(f'{start} role="img" aria-label="{escape(label)}">' + body[body.index(">") + 1 :])


def _themed(colour: str) -> str:
    return f"var({_VARIABLES[colour]})" if colour in _VARIABLES else colour
