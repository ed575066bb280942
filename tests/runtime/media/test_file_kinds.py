"""A file is what its first bytes say; one that is not read is named, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepmark.errors import DataError
from deepmark.runtime.media.file_kinds import AVIF, CAMERA_RAW, HEIC, JPEG, JPEG_XL, VIDEO, FileKind, kind_of
from deepmark.runtime.media.picture_file import decode_picture, read_picture


def _container(*brands: bytes) -> bytes:
    content = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (len(content) + 4).to_bytes(4) + content + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (_container(b"avif", b"mif1"), AVIF),
        (_container(b"mif1", b"miaf", b"avif"), AVIF),
        (_container(b"heic", b"mif1"), HEIC),
        (_container(b"mif1", b"heix"), HEIC),
        (_container(b"msf1", b"hevc"), HEIC),
        (_container(b"mif1"), HEIC),
        (_container(b"crx ", b"isom"), CAMERA_RAW),
        (_container(b"isom", b"mp41"), VIDEO),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), JPEG_XL),
        (b"\xff\x0a" + bytes(20), JPEG_XL),
        (b"\xff\xd8\xff\xe0", JPEG),
        (b"\x1aE\xdf\xa3", VIDEO),
        (b"RIFF\0\0\0\0AVI LIST", VIDEO),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"", None),
        (b"hello", None),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(content: bytes, kind: FileKind | None) -> None:
    assert kind_of(content) is kind


@pytest.mark.parametrize(
    ("content", "name", "way_out"),
    [
        (b"\xff\x0a" + bytes(20), "JPEG XL", "djxl"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw data", "develop it"),
        (_container(b"isom"), "a video", r"\.mp4"),
        (b"<!DOCTYPE html><html>", "a web page", "downloaded"),
        (b"\xef\xbb\xbf\n<svg>", "a web page or an SVG", "downloaded"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (b"%PDF-1.7", "a PDF document", "pdftoppm"),
        (b"8BPS", "a Photoshop document", "save it"),
    ],
)
def test_a_file_that_is_no_picture_is_named_with_the_way_out(content: bytes, name: str, way_out: str) -> None:
    with pytest.raises(DataError, match=rf"it\.jpg is {name}.*, which is not read") as caught:
        decode_picture(content, source="it.jpg")
    assert caught.value.hint is not None
    assert way_out.replace("\\", "") in caught.value.hint


def test_a_photograph_of_an_iphone_is_named(data: Path) -> None:
    with pytest.raises(DataError, match=r"photo\.heic is HEIC, the iPhone's format, which is not read") as caught:
        read_picture(data / "media" / "photo.heic")
    assert "heif-convert" in str(caught.value.hint)
