"""Whatever a picture file is, the network sees BGR with 8 bits, the right way up; or the user reads why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from media_files import encoded, jpeg_with_orientation, png

from deepmark.errors import DataError
from deepmark.runtime.media.jpeg_picture import read_jpeg_header
from deepmark.runtime.media.picture_file import decode_picture, encode_picture, read_picture
from deepmark.runtime.media.picture_size import MAX_PIXELS, PictureSize

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)


def _decode(content: bytes) -> np.ndarray:
    picture = decode_picture(content, source="it.png")
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    return picture


def _upright() -> np.ndarray:
    """40 wide, 24 high, blue in the upper left quarter."""
    image = np.zeros((24, 40, 3), np.uint8)
    image[:12, :20] = BLUE
    return image


def test_a_grey_picture_gets_three_equal_channels() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)

    assert (_decode(encoded(grey)) == grey[:, :, None]).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_to_eight(suffix: str) -> None:
    ramp = np.linspace(0, 65535, 256 * 3).astype(np.uint16).reshape(16, 16, 3)

    assert np.abs(_decode(encoded(ramp, suffix)).astype(float) - ramp / 257).max() <= 1


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_transparency_shows_white(kind: type[np.uint8 | np.uint16], top: int) -> None:
    image = np.zeros((1, 3, 4), np.dtype[Any](kind))
    image[0, :, 2] = top  # red
    image[0, :, 3] = [0, top // 2, top]

    picture = _decode(encoded(image))

    np.testing.assert_allclose(picture[0], [(255, 255, 255), (128, 128, 255), RED], atol=1)


def test_a_tall_transparent_picture_is_laid_on_white_to_its_last_row() -> None:
    image = np.zeros((700, 2, 4), np.uint8)
    image[350:, :, 3] = 255

    picture = _decode(encoded(image))

    assert (picture[:350] == 255).all()
    assert (picture[350:] == 0).all()


def test_grey_with_transparency_and_palettes_are_read() -> None:
    rows = b"".join(b"\0" + bytes([100, 128]) * 4 for _ in range(4))

    assert (_decode(png(4, 4, colour_type=4, rows=rows)) == 177).all()  # 100 * .5 + 255 * .5


def test_a_cmyk_jpeg_has_its_colours(data: Path) -> None:
    picture = read_picture(data / "cmyk.jpg")

    middles = picture[8, 4::8]
    np.testing.assert_allclose(middles, [RED, GREEN, BLUE, (255,) * 3, (0,) * 3, (0, 255, 255)], atol=3)


def test_a_cmyk_jpeg_whose_inks_are_coded_nobody_knows_how_is_refused(data: Path) -> None:
    content = (data / "cmyk.jpg").read_bytes()
    start = content.index(b"\xff\xee")
    end = start + 2 + int.from_bytes(content[start + 2 : start + 4])

    with pytest.raises(DataError, match=r"it\.png is a CMYK JPEG"):
        decode_picture(content[:start] + content[end:], source="it.png")


def test_a_jpeg_header_is_read_whatever_stands_before_it() -> None:
    content = jpeg_with_orientation(np.zeros((24, 40, 3), np.uint8), 6)
    padded = content[:2] + b"\xff\xff\xff" + content[2:]

    for one in (content, padded):
        header = read_jpeg_header(one)
        assert header is not None
        assert (header.size, header.components) == (PictureSize(40, 24, 6), 3)  # 24 high as stored
        assert header.size.stored == (24, 40)
    assert read_jpeg_header(content[:30]) is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_picture_is_refused(suffix: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    content = encoded(noise, suffix)

    with pytest.raises(DataError, match=r"it\.png is no picture, or a damaged one"):
        decode_picture(content[: int(len(content) * share)], source="it.png")
    assert capfd.readouterr().err == ""  # the decoders' own complaints go into our sentence


@pytest.mark.parametrize("content", [b"", b"hello, I am text", bytes(1000)])
def test_a_file_that_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "it.png"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"it\.png is (no picture|empty)"):
        read_picture(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(DataError, match="directory"):
        read_picture(tmp_path)


def test_a_pixel_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = png(60_000, 60_000, colour_type=2, rows=bytes(100))

    with pytest.raises(DataError, match=f"60000x60000 pixels, the limit is {MAX_PIXELS:,}"):
        decode_picture(bomb, source="it.png")


def test_a_pixel_bomb_in_another_format_is_refused_alike() -> None:
    bomb = b"P5 60000 60000 255\n" + bytes(100)

    with pytest.raises(DataError, match="60000x60000 pixels, the limit is"):
        decode_picture(bomb, source="it.pgm")


def test_opencv_has_our_limit_in_every_command() -> None:
    """It reads the limit when it is imported; its own is four times as high."""
    above = f"P5 {MAX_PIXELS >> 10} {(1 << 10) + 1} 255\n".encode() + bytes(100)

    with pytest.raises(cv2.error, match="PIXELS"):
        cv2.imdecode(np.frombuffer(above, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("name", ["Übung.png", "服装.png", "a b'c\".png", "%d.png", "[1].png"])
def test_any_file_name_will_do(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encoded(_upright()))

    assert (read_picture(path) == _upright()).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (10, 20_000), (20_000, 10)])
def test_extreme_shapes_are_read_and_written(height: int, width: int) -> None:
    image = np.full((height, width, 3), 77, np.uint8)

    for suffix in (".png", ".jpg"):
        assert _decode(encode_picture(image, suffix)).shape == image.shape


def test_a_picture_that_a_format_cannot_hold_is_an_error() -> None:
    with pytest.raises(DataError, match=r"70000x1 cannot be written as \.jpg"):
        encode_picture(np.zeros((1, 70_000, 3), np.uint8), ".jpg")
