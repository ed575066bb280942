"""A fourth channel is transparency where the file says so, and nothing where it does not."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_files import bmp, encoded, png, read_image, tiff

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import decode_picture, picture_size, read_picture

UNSPECIFIED, MULTIPLIED, STRAIGHT = 0, 1, 2  # what TIFF's tag 338 says of the fourth sample
EXTRA_SAMPLES, DEPTHS = 338, pytest.mark.parametrize("depth", [8, 16])


def _colour(content: bytes) -> list[int]:
    """The one colour of a picture, red first."""
    picture = decode_picture(content, source="it")
    assert (picture == picture[0, 0]).all()
    return [int(value) for value in picture[0, 0, ::-1]]


def _deep(depth: int, *colours: int) -> tuple[int, ...]:
    return tuple(colour * (257 if depth == 16 else 1) for colour in colours)


def test_a_bmp_whose_masks_leave_the_fourth_byte_out_is_opaque(data: Path) -> None:
    assert (read_picture(data / "media" / "bgrx_bitfields.bmp") == read_image(data / "media" / "ref.png")).all()


def test_a_bmp_that_says_nothing_of_its_fourth_byte_is_opaque() -> None:
    image = np.full((4, 4, 4), (30, 20, 10, 0), np.uint8)

    assert _colour(bmp(image)) == [10, 20, 30]


def test_a_bmp_with_a_mask_for_alpha_is_transparent() -> None:
    image = np.full((4, 4, 4), (30, 20, 10, 128), np.uint8)

    assert _colour(encoded(image, ".bmp")) == [132, 137, 142]


@DEPTHS
@pytest.mark.parametrize("tags", [{}, {EXTRA_SAMPLES: UNSPECIFIED}])
def test_a_tiff_sample_that_nobody_called_alpha_is_none(tags: dict[int, int], depth: int) -> None:
    assert _colour(tiff(_deep(depth, 200, 100, 50, 0), depth, tags=tags)) == [200, 100, 50]


@DEPTHS
def test_a_tiff_sample_that_is_alpha_is_transparency(depth: int) -> None:
    content = tiff(_deep(depth, 200, 100, 50, 128), depth, tags={EXTRA_SAMPLES: STRAIGHT})

    assert _colour(content) == [227, 177, 152]


@DEPTHS
def test_a_tiff_whose_colours_were_multiplied_with_alpha_is_not_darkened_again(depth: int) -> None:
    content = tiff(_deep(depth, 100, 50, 25, 128), depth, tags={EXTRA_SAMPLES: MULTIPLIED})

    np.testing.assert_allclose(_colour(content), [227, 177, 152], atol=1)


def test_a_grey_tiff_with_alpha_is_laid_on_white() -> None:
    assert _colour(tiff((100, 128), tags={EXTRA_SAMPLES: STRAIGHT})) == [177] * 3
    assert _colour(tiff((100, 128), tags={EXTRA_SAMPLES: UNSPECIFIED})) == [100] * 3


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("alpha", [None, 0, 128, 255])
def test_an_avif_of_any_depth_has_its_colours(depth: int, alpha: int | None) -> None:
    top = 2**depth - 1
    colour = (50, 100, 200) if alpha is None else (50, 100, 200, alpha)
    values = np.rint(np.full((16, 16, len(colour)), colour) / 255 * top)
    image = values.astype(np.uint8 if depth == 8 else np.uint16)
    done, content = cv2.imencode(".avif", image, [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_SPEED, 10])
    assert done

    opacity = 1 if alpha is None else alpha / 255
    expected = [value * opacity + 255 * (1 - opacity) for value in (200, 100, 50)]
    found = decode_picture(content.tobytes(), source="it").reshape(-1, 3)[:, ::-1]
    np.testing.assert_allclose(found, np.tile(expected, (len(found), 1)), atol=3)


def test_a_picture_that_is_transparent_everywhere_is_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    image = np.zeros((4, 4, 4), np.uint8)

    with caplog.at_level(logging.WARNING):
        assert _colour(encoded(image)) == [255] * 3
    assert caplog.messages == ["it is transparent everywhere: there is only white paper to look at"]

    caplog.clear()
    image[0, 0, 3] = 1
    decode_picture(encoded(image), source="it")
    assert caplog.messages == []


@pytest.mark.parametrize("tags", [{254: 1}, {255: 2}])
def test_a_tiff_whose_first_image_is_a_thumbnail_is_refused(tags: dict[int, int]) -> None:
    content = tiff((1, 2, 3), tags=tags)

    for read in (decode_picture, picture_size):
        with pytest.raises(DataError, match="it is a TIFF file whose first image is a reduced copy"):
            read(content, source="it")


def test_camera_raw_data_is_refused() -> None:
    with pytest.raises(DataError, match=r"it is a camera's raw data \(DNG\)") as caught:
        decode_picture(tiff((1, 2, 3), tags={50706: 0x00000401}), source="it")
    assert "develop it" in str(caught.value.hint)


def test_numbers_that_are_no_colours_are_refused() -> None:
    content = cv2.imencode(".tiff", np.full((4, 4), 0.5, np.float32))[1].tobytes()

    with pytest.raises(DataError, match="it holds numbers of 32 bits"):
        decode_picture(content, source="it")


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm", ".jp2"])
def test_grey_of_sixteen_bits_becomes_grey_of_eight(suffix: str) -> None:
    image: Image8 = np.full((64, 64), 200 * 257, np.uint16)

    np.testing.assert_allclose(_colour(encoded(image, suffix)), [200] * 3, atol=1)


@pytest.mark.parametrize("suffix", [".png", ".ppm", ".bmp", ".webp", ".tiff", ".gif", ".jp2", ".avif", ".jpg"])
def test_pixels_are_those_that_opencv_reads(suffix: str) -> None:
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8), (64, 48))
    content = cv2.imencode(suffix, image)[1].tobytes()

    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    assert (decode_picture(content, source="it") == expected).all()


@pytest.mark.parametrize(("colour_type", "samples"), [(0, 1), (2, 3)])
def test_a_png_of_sixteen_bits_with_a_transparent_colour_is_refused(colour_type: int, samples: int) -> None:
    rows = (b"\0" + bytes([3, 232] * samples) * 2) * 2
    colour = bytes([3, 232] * samples)

    with pytest.raises(DataError, match="it has 16 bits, and one colour for transparent pixels"):
        decode_picture(png(2, 2, colour_type, rows, depth=16, transparent=colour), source="it")


def test_a_png_of_eight_bits_with_a_transparent_colour_is_laid_on_white() -> None:
    rows = (b"\0" + bytes([10, 20, 30, 40, 50, 60])) * 2

    picture = decode_picture(png(2, 2, 2, rows, transparent=bytes([0, 10, 0, 20, 0, 30])), source="it")

    assert picture[0].tolist() == [[255, 255, 255], [60, 50, 40]]
