"""A picture is the right way up, whatever its format says that with; and its size is that of its pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from media_files import STORED, encoded, jpeg_with_orientation, read_image, stored_with_orientation

from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.jpeg_picture import read_jpeg_header
from deepmark.runtime.media.picture_file import decode_picture, picture_size, read_picture, size_in_start
from deepmark.runtime.media.picture_size import PictureSize

KINDS = [(kind, alpha) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF") for alpha in (False, True)]
KINDS.remove(("JPEG", True))


def _upright(*, alpha: bool = False) -> Image8:
    """40 wide, 24 high, on white: blue in the upper left quarter, green in the lower right one."""
    image = np.full((24, 40, 4 if alpha else 3), 255, np.uint8)
    if alpha:
        image[:, :, 3] = 0
    image[:12, :20] = (255, 0, 0, 255)[: image.shape[2]]
    image[12:, 20:] = (0, 200, 0, 255)[: image.shape[2]]
    return image


@pytest.mark.parametrize(("kind", "alpha"), KINDS)
@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_turned_upright(orientation: int, kind: str, alpha: bool) -> None:
    content = stored_with_orientation(_upright(alpha=alpha), kind, orientation)

    picture = decode_picture(content, source="it")

    assert picture.shape == (24, 40, 3)
    assert np.abs(picture.astype(int) - _upright()).mean() < 8  # JPEG and AVIF are not exact at edges
    size = picture_size(content, source="it")
    assert size == PictureSize(24, 40, orientation)
    assert size.stored == STORED[orientation](_upright()).shape[:2]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("orientation", STORED)
def test_a_tiff_is_turned_once_from_a_file_too(tmp_path: Path, orientation: int, alpha: bool) -> None:
    """Pillow takes the pixels of one with transparency from the disk where it knows the name, and turns them twice."""
    path = tmp_path / "it.tiff"
    path.write_bytes(stored_with_orientation(_upright(alpha=alpha), "TIFF", orientation))

    assert (read_picture(path) == _upright()).all()


def test_a_picture_s_name_opens_no_file(tmp_path: Path) -> None:
    """A picture of a zip may be called what a file beside is called, too."""
    content = stored_with_orientation(_upright(alpha=True), "TIFF", 1)
    path = tmp_path / "it.tiff"
    path.write_bytes(bytes(len(content)))

    assert (decode_picture(content, source=str(path)) == _upright()).all()


@pytest.mark.parametrize("orientation", STORED)
def test_a_jpeg_is_turned_as_opencv_turns_it(orientation: int) -> None:
    content = jpeg_with_orientation(np.ascontiguousarray(STORED[orientation](_upright())), orientation)

    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    assert (decode_picture(content, source="it") == expected).all()


@pytest.mark.parametrize("order", ["II", "MM"])
def test_both_byte_orders_of_exif_are_read(order: str) -> None:
    content = jpeg_with_orientation(_upright(), 6, order=order)

    assert size_in_start(content) == PictureSize(40, 24, 6)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_counts_as_upright(orientation: int) -> None:
    content = jpeg_with_orientation(_upright(), orientation)

    assert size_in_start(content) == PictureSize(24, 40, 1)
    assert decode_picture(content, source="it").shape == (24, 40, 3)


def test_a_header_is_read_from_the_first_bytes_alone_or_not_at_all() -> None:
    content = jpeg_with_orientation(_upright(), 6)
    frame = content.index(b"\xff\xc0")

    assert size_in_start(content[: frame + 10]) == PictureSize(40, 24, 6)
    assert [size_in_start(content[:end]) for end in range(frame + 9)] == [None] * (frame + 9)
    assert size_in_start(encoded(_upright())) is None  # a PNG may say its orientation at its end


def test_damaged_exif_counts_as_upright_wherever_it_ends() -> None:
    content = jpeg_with_orientation(_upright(), 6)
    start, end = content.index(b"II*"), content.index(b"\xff\xdb")

    for kept in range(end - start):
        damaged = content[: start + kept] + bytes(end - start - kept) + content[end:]
        header = read_jpeg_header(damaged)
        assert header is not None
        assert header.size in {PictureSize(24, 40, 1), PictureSize(40, 24, 6)}


def test_the_rotation_in_an_avif_s_container_is_applied(data: Path) -> None:
    shown = read_image(data / "media" / "ref.png")

    picture = read_picture(data / "media" / "rotated.avif")

    assert picture.shape == shown.shape
    assert np.abs(picture.astype(int) - shown).mean() < 3
