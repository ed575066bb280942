#!/usr/bin/env python3
"""Draw docs/architecture.svg from the imports that the code really has.

    python tools/architecture_picture.py [FILE]

Rows are the layers of the import contract, boxes are packages, and an arrow is at least one import, be it inside a
function or for type checkers alone. Only ``deepmark`` itself, which holds the version, is left out. The same code gives
the same bytes.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("commands", "benchmarks", "exporter", "models", "runtime")
GROUND = "src/deepmark"  # whatever else lies there: what every layer stands on
WIDTH, BAND_WIDTH, LEFT = 1100, 880, 20
TITLES = 165  # pixels for the name of a layer, beside which its purpose stands
BOX_HEIGHT, GAP, LINE = 30, 40, 17
TIP = (
    '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L10 5L0 10z" class="tip"/></marker>'
)

# name: light, dark
COLOURS = {
    "paper": ("#ffffff", "#0d1117"),
    "ink": ("#0f172a", "#e6edf3"),
    "faint": ("#475569", "#9aa7b5"),
    "arrow": ("#64748b", "#8b98a8"),
    "box": ("#ffffff", "#161b22"),
    "commands": ("#eef2ff", "#1e2247"),
    "benchmarks": ("#fdf2f8", "#371b2d"),
    "exporter": ("#ecfdf5", "#10301f"),
    "models": ("#eff6ff", "#142b45"),
    "runtime": ("#fff7ed", "#38230f"),
    "ground": ("#f1f5f9", "#1f2630"),
}
EDGES = {
    "commands": ("#a5b4fc", "#5660b8"),
    "benchmarks": ("#f9a8d4", "#9d4674"),
    "exporter": ("#6ee7b7", "#2c7a52"),
    "models": ("#93c5fd", "#3a6ea8"),
    "runtime": ("#fdba74", "#9a5c1e"),
    "ground": ("#cbd5e1", "#4b5766"),
}


@dataclass(frozen=True)
class Band:
    """One layer.

    Attributes:
        name: folder, and colour.
        purpose: first sentence of the package's docstring.
        boxes: packages inside, importers left of what they import.
        arrows: pairs of boxes, the first of which imports the second.
        modules: names of the plain modules.
    """

    name: str
    purpose: str
    boxes: tuple[str, ...]
    arrows: frozenset[tuple[str, str]]
    modules: tuple[str, ...]


def in_order(boxes: list[str], arrows: set[tuple[str, str]]) -> tuple[str, ...]:
    """Order boxes so that as few arrows as possible point left, then so that all together are as short as possible."""

    def cost(order: tuple[str, ...]) -> tuple[int, int]:
        at = {name: place for place, name in enumerate(order)}
        spans = [at[imported] - at[importer] for importer, imported in arrows]
        return sum(span < 0 for span in spans), sum(map(abs, spans))

    return min(itertools.permutations(sorted(boxes)), key=cost)


def read_bands() -> tuple[list[Band], set[tuple[str, str]]]:
    """Read the layers, and which of them imports which."""
    graph = grimp.build_graph("deepmark", cache_dir=None)
    modules = sorted(name for name in graph.modules if name.count(".") and not name.endswith("__main__"))
    imports = [(one, other) for one in modules for other in sorted(graph.find_modules_directly_imported_by(one))]

    def layer(module: str) -> str:
        return part if (part := module.split(".")[1]) in LAYERS else "ground"

    bands = []
    for name in (*LAYERS, "ground"):
        depth = 1 if name == "ground" else 2
        inside = [module for module in modules if layer(module) == name and module.count(".") >= depth]
        parts = sorted({module.split(".")[depth] for module in inside})
        folders = [part for part in parts if (_folder(name) / part).is_dir()]
        boxes = parts if name == "ground" else folders

        def box(module: str, name: str = name, depth: int = depth) -> str | None:
            words = module.split(".")
            return words[depth] if layer(module) == name and len(words) > depth else None

        pairs = {(box(one), box(other)) for one, other in imports if other.count(".")}
        arrows = {(a, b) for a, b in pairs if a in boxes and b in boxes and a != b and a and b}
        plain = () if name == "ground" else tuple(part for part in parts if part not in folders)
        bands.append(Band(name, _purpose(name), in_order(boxes, arrows), frozenset(arrows), plain))
    between = {(layer(one), layer(other)) for one, other in imports if other.count(".")}
    return bands, {(a, b) for a, b in between if a != b}


def _folder(layer: str) -> Path:
    return ROOT / "src" / "deepmark" / ("" if layer == "ground" else layer)


def _purpose(layer: str) -> str:
    if layer == "ground":
        return "What every layer stands on."
    text = (_folder(layer) / "__init__.py").read_text().removeprefix('"""')
    return " ".join(text.partition('"""')[0].partition("\n\n")[0].split())


def width_of(text: str, size: float) -> float:
    """Estimate the width of a text, in pixels, on the wide side: the reader's fonts are not known."""
    return size * sum(0.32 if letter in "iljtfr.,;:' |" else 0.62 for letter in text)


def in_lines(words: list[str], size: float, most: float) -> list[str]:
    """Break words into lines that are no wider than `most` pixels."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


class Canvas:
    """Pieces of an SVG file, in the order in which they are painted."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def text(self, x: float, y: float, kind: str, text: str, anchor: str = "start") -> None:
        """Write a line of text."""
        self.pieces.append(f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str, radius: int) -> None:
        """Draw a rectangle with round corners."""
        corner = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}"'
        self.pieces.append(f'<rect {corner} class="{kind}"/>')

    def arrow(self, path: str) -> None:
        """Draw a line with a tip at its end."""
        self.pieces.append(f'<path d="{path}" class="arrow" marker-end="url(#tip)"/>')


def draw_band(drawing: Canvas, band: Band, top: float) -> float:
    """Draw one layer.

    Returns:
        y of its lower edge.
    """
    widths = [width_of(name, 14) + 24 for name in band.boxes]
    room = (BAND_WIDTH - 40 - sum(widths)) / max(1, len(widths) - 1)
    between = min(56.0, room)
    left, edges = LEFT + 20.0, {}
    for name, width in zip(band.boxes, widths, strict=True):
        edges[name] = (left, left + width)
        left += width + between
    place = {name: number for number, name in enumerate(band.boxes)}
    spans = [abs(place[b] - place[a]) for a, b in band.arrows]
    arch = 14 + 9 * max(spans) if spans and max(spans) > 1 else 0
    words = [f"{name}," for name in band.modules[:-1]] + list(band.modules[-1:])
    lines = in_lines(words, 12, BAND_WIDTH - 40) if words else []
    purpose = in_lines(band.purpose.split(), 13, BAND_WIDTH - 40 - TITLES)
    boxes_top = top + 26 + LINE * len(purpose) + arch
    bottom = boxes_top + (BOX_HEIGHT + 12 if band.boxes else 4) + LINE * len(lines) + (8 if lines else 0)

    drawing.box(LEFT, top, BAND_WIDTH, bottom - top, f"band {band.name}", 14)
    drawing.text(LEFT + 20, top + 26, "title", GROUND if band.name == "ground" else band.name)
    for number, line in enumerate(purpose):
        drawing.text(LEFT + 20 + TITLES, top + 26 + LINE * number, "purpose", line)
    for a, b in sorted(band.arrows):
        _arrow_inside(drawing, edges[a], edges[b], abs(place[b] - place[a]), boxes_top)
    for name, (x, right) in edges.items():
        drawing.box(x, boxes_top, right - x, BOX_HEIGHT, f"box edge-{band.name}", 8)
        drawing.text((x + right) / 2, boxes_top + 20, "name", name, "middle")
    y = boxes_top + (BOX_HEIGHT + 22 if band.boxes else 10)
    for number, line in enumerate(lines):
        drawing.text(LEFT + 20, y + LINE * number, "module", line)
    return bottom


def _arrow_inside(drawing: Canvas, start: tuple[float, float], end: tuple[float, float], span: int, top: float) -> None:
    """Draw an arrow between neighbours straight, between others as an arch above them."""
    forward = end[0] > start[0]
    if span == 1 and forward:
        drawing.arrow(f"M{start[1]:g} {top + BOX_HEIGHT / 2:g}H{end[0] - 2:g}")
        return
    lean = 14 if forward else -14
    x1, x2 = (start[0] + start[1]) / 2 + lean, (end[0] + end[1]) / 2 - lean
    height = top - 12 - 12 * span
    drawing.arrow(f"M{x1:g} {top:g}C{x1:g} {height:g} {x2:g} {height:g} {x2:g} {top - 2:g}")


def draw() -> str:
    """Return the picture as SVG."""
    bands, between = read_bands()
    drawing, top, places = Canvas(), 20.0, {}
    for band in bands:
        bottom = draw_band(drawing, band, top)
        places[band.name] = (top, bottom)
        top = bottom + GAP
    names = [band.name for band in bands]
    right = LEFT + BAND_WIDTH
    leaving = {name: sorted((b for a, b in between if a == name), key=names.index) for name in names}
    coming = {name: sorted((a for a, b in between if b == name), key=names.index) for name in names}
    for a, b in sorted(between, key=lambda pair: (names.index(pair[0]), names.index(pair[1]))):
        span = names.index(b) - names.index(a)
        if span == 1:
            drawing.arrow(f"M{LEFT + BAND_WIDTH / 2:g} {places[a][1]:g}V{places[b][0] - 2:g}")
            continue
        y1 = places[a][1] - 14 - 11 * leaving[a].index(b)
        y2 = places[b][0] + 14 + 11 * (len(coming[b]) - 1 - coming[b].index(a))
        out = right + 12 + 40 * (abs(span) - 1)
        drawing.arrow(f"M{right:g} {y1:g}C{out:g} {y1:g} {out:g} {y2:g} {right + 2:g} {y2:g}")
    height = top - GAP + 20
    size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    font = 'font-family="Helvetica, Arial, sans-serif"'
    label = 'aria-label="Layers of the code, their packages, and which of them imports which"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img" {label}>',
            "<!-- Drawn by tools/architecture_picture.py from the imports; not to be edited. -->",
            f"<style>{_style(0)}@media (prefers-color-scheme: dark) {{{_style(1)}}}</style>",
            f"<defs>{TIP}</defs>",
            f'<rect width="{WIDTH}" height="{height:g}" class="paper"/>',
            *drawing.pieces,
            "</svg>",
            "",
        ]
    )


def _style(theme: int) -> str:
    ink, faint, arrow = (COLOURS[name][theme] for name in ("ink", "faint", "arrow"))
    rules = [
        f".paper {{fill: {COLOURS['paper'][theme]}}}",
        f".title {{fill: {ink}; font-size: 18px; font-weight: 700}}",
        f".name {{fill: {ink}; font-size: 14px; font-weight: 600}}",
        f".purpose {{fill: {faint}; font-size: 13px}}",
        f".module {{fill: {faint}; font-size: 12px}}",
        f".arrow {{fill: none; stroke: {arrow}; stroke-width: 1.5}}",
        f".tip {{fill: {arrow}}}",
        f".box {{fill: {COLOURS['box'][theme]}}}",
    ]
    for name, edge in EDGES.items():
        rules.append(f".{name} {{fill: {COLOURS[name][theme]}; stroke: {edge[theme]}}}")
        rules.append(f".edge-{name} {{stroke: {edge[theme]}}}")
    return "\n".join(["", *rules, ""])


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "architecture.svg").write_text(draw())
