"""Pages: whole HTML that needs nothing from outside, says exactly what it was given, and is the same every time."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from html_reader import Reader
from matplotlib.figure import Figure

from deepmark.errors import DeepMarkError
from deepmark.page import (
    SERIES,
    Chart,
    Facts,
    Headline,
    Number,
    Page,
    PagePicture,
    Section,
    Table,
    draw,
    render_page,
    write_page,
)
from deepmark.runtime.drawing.palette import contrast

CSS = (Path(importlib.import_module("deepmark.page").__file__ or "").parent / "page.css").read_text()


def paint(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], label="falls")
    axes.bar([0, 1], [0.2, 0.3])
    axes.set_xlabel("recall")
    axes.legend()


def page() -> Page:
    table = Table(
        "Classes",
        ("class", "kind", "AP"),
        (("skirt <1>", "a & b", Number(0.123456789, ".3f", shade=0.5)), ("vest", "", Number(None))),
        total=("mean", "", Number(2)),
    )
    blocks = (
        Headline({"mAP_pt": Number(0.445, ".4f")}),
        table,
        Chart(draw("One", paint), "first"),
        Chart(draw("Two", paint), "second"),
        PagePicture(b"\xff\xd8one", "left"),
        PagePicture(b"\xff\xd8two", "right"),
        Facts({"backend": "mnn", "pictures": Number(1234)}),
    )
    sections = (Section("Result", "how to <read> it", blocks), Section("More", "", ()), Section("End", "", ()))
    return Page("A <title>", "of something", sections)


def test_a_page_is_whole_and_says_what_it_was_given() -> None:
    read = Reader(render_page(page()))

    assert read.text("title") == read.text("h1") == ["A <title>"]
    assert read.text("h2") == ["Result", "More", "End"]
    assert read.text("caption") == ["Classes"]
    assert "skirt <1>" in read.text("th")
    assert "a & b" in read.text("td")
    assert [one["value"] for one in read.all("data")] == ["0.445", "0.123456789", "2", "1234"]
    assert read.text("data") == ["0.4450", "0.123", "2", "1,234"]
    assert "–" in read.text("td")
    assert read.text("figcaption") == ["first", "second", "left", "right"]


def test_nothing_comes_from_outside_and_nothing_runs() -> None:
    read = Reader(render_page(page()))

    names = {tag for tag, _ in read.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in read.tags:
        for name in ("href", "xlink:href", "src", "srcset", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/jpeg;base64,"))
        assert not any(name.startswith("on") for name in attributes)
    assert "default-src 'none'" in str(read.all("meta"))
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_every_id_is_there_once_and_every_reference_leads_to_one() -> None:
    html = render_page(page())
    read = Reader(html)

    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    asked = {attributes["aria-labelledby"] for _, attributes in read.tags if "aria-labelledby" in attributes}
    asked |= set(re.findall(r'href="#([^"]*)"', html))
    asked |= set(re.findall(r"url\(#([^)]*)\)", html))
    assert asked <= set(ids)
    assert len(asked) > 5


def test_tables_can_be_read_aloud_and_numbers_stand_on_the_right() -> None:
    html = render_page(page())
    read = Reader(html)

    assert [one.get("scope") for one in read.all("th")] == ["col"] * 3 + ["row"] * 3
    assert [one.get("class") for one in read.all("th")[:3]] == [None, None, "number"]
    assert [one.get("class") for one in read.all("td")] == [None, "number"] * 3
    assert [one.get("style") for one in read.all("td")][1] == "--shade: 0.500"
    assert all(one["alt"] for one in read.all("img"))
    assert [one["aria-label"] for one in read.all("svg")] == ["One", "Two"]


@pytest.mark.slow
def test_the_same_page_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_page(tmp_path / name, page())

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_chart_has_text_as_text_and_the_pages_colours() -> None:
    svg = draw("Precision", paint)

    read = Reader(svg)
    assert "recall" in read.text("text")
    assert "var(--series-1)" in svg
    assert "var(--muted)" in svg
    assert not re.search("#[0-9a-f]{6}", svg)
    assert "width" not in read.all("svg")[0]
    assert "<style" not in svg
    assert "<metadata" not in svg


def test_every_colour_is_legible_in_light_and_in_dark() -> None:
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in CSS.split("@media", 2)[:2])

    assert set(light) == set(dark)
    assert [light[f"series-{number}"] for number in range(1, len(SERIES) + 1)] == list(SERIES)
    for theme in (light, dark):
        paper = rgb(theme["paper"])
        for name in ("ink", "muted", "accent"):
            assert contrast(rgb(theme[name]), paper) >= 4.5
            assert contrast(rgb(theme[name]), rgb(theme["raised"])) >= 4.5
        for number in range(1, len(SERIES) + 1):
            assert contrast(rgb(theme[f"series-{number}"]), paper) >= 3


def rgb(text: str) -> tuple[int, int, int]:
    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return blue, green, red


@pytest.mark.slow
def test_a_page_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeepMarkError, match=r"cannot write .*page.html"):
        write_page(tmp_path / "file" / "page.html", page())

    write_page(tmp_path / "new" / "page.html", page())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


def test_without_its_libraries_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jinja2" else find(name))

    with pytest.raises(DeepMarkError, match="an HTML report needs jinja2") as caught:
        render_page(page())

    assert "deepmark-export[report]" in str(caught.value.hint)
