"""Zips begin what is mapped into memory at a page, and are the same for the same content."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.exporter.android.aligned_zip import alignment, content_offsets, write_aligned

NAMES = st.text("abcäé0 ", min_size=1, max_size=40)
SUFFIXES = st.sampled_from([".so", ".mnn", ".dex", ".arsc", ".xml", ".json", ".png"])


@given(st.dictionaries(st.builds(str.__add__, NAMES, SUFFIXES), st.binary(max_size=5000), max_size=8))
def test_every_content_begins_where_it_must(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    entries = {"AndroidManifest.xml": b"first", **files}
    target = tmp_path_factory.mktemp("zip") / "x.apk"
    with target.open("wb") as file:
        write_aligned(file, reversed(entries.items()))
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "AndroidManifest.xml"
        assert {name: archive.read(name) for name in archive.namelist()} == entries
        stored = {info.filename for info in archive.infolist() if info.compress_type == zipfile.ZIP_STORED}
    offsets = content_offsets(target)
    assert stored == {name for name in entries if alignment(name) > 1}
    assert all(offsets[name] % alignment(name) == 0 for name in entries)


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    entries = [("AndroidManifest.xml", b"m"), ("b.mnn", b"1" * 100), ("a.json", b"{}")]
    made = []
    for order in (entries, entries[::-1]):
        file = io.BytesIO()
        write_aligned(file, order)
        made.append(file.getvalue())
    assert made[0] == made[1]
    (tmp_path / "x.apk").write_bytes(made[0])
    assert content_offsets(tmp_path / "x.apk")["b.mnn"] == 16384


@pytest.mark.parametrize(
    ("name", "step"), [("lib/arm64-v8a/a.so", 16384), ("a.mnn", 16384), ("classes.dex", 4), ("x.json", 1)]
)
def test_what_is_aligned_to_what(name: str, step: int) -> None:
    assert alignment(name) == step
