"""The C++ reader of a camera's planes: colours as cv2 and JFIF have them, upright, and nothing read outside."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_planes import CameraPicture, noise_picture
from native_programs import compile_program

from deepmark.runtime.arrays import Image8

pytestmark = pytest.mark.slow

INPUT = (64, 96)  # of a network


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("camera"), "camera_frame_run", ("camera_frame", "letterbox"))


@pytest.fixture(scope="module")
def letterbox_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("letterbox"), "letterbox_run", ("camera_frame", "letterbox"))


def _run(program: Path, planes: list[tuple[bytes, int, int]], holding: list[int]) -> tuple[bytes, str]:
    numbers = [number for content, *strides in planes for number in (len(content), *strides)]
    words = [str(number) for number in (*numbers, *holding, *INPUT)]
    content = b"".join(one[0] for one in planes)
    done = subprocess.run([str(program), *words], input=content, capture_output=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout, done.stderr.decode()


def _pictures(program: Path, picture: CameraPicture) -> tuple[Image8, Image8]:
    """The upright picture, and the network's input."""
    printed, error = _run(program, picture.planes(), picture.holding())
    assert not error
    left, top, right, bottom = picture.rectangle()
    height, width = (bottom - top, right - left)[:: 1 if picture.rotation % 180 == 0 else -1]
    cut = 3 * height * width
    upright = np.frombuffer(printed[:cut], np.uint8).reshape(height, width, 3)
    return upright, np.frombuffer(printed[cut:], np.uint8).reshape(*INPUT, 3)


@pytest.mark.parametrize("full_range", [False, True])
def test_every_colour_is_that_of_the_formula(program: Path, full_range: bool) -> None:
    """All values of u and v with light ones and dark ones."""
    u, v = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    y = np.random.default_rng(3).integers(0, 256, (512, 512), np.uint8)
    y[::7], y[::11] = 0, 255
    picture = CameraPicture(y, u, v, full_range=full_range)
    found, _ = _pictures(program, picture)
    difference = np.abs(found.astype(int) - picture.upright())
    assert difference.max() <= (1 if full_range else 0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (6, 10), (7, 5), (48, 64)])
@pytest.mark.parametrize(("padding", "chroma_step"), [(0, 2), (5, 1), (3, 4)])
def test_any_layout_is_read_where_it_lies(
    program: Path, height: int, width: int, padding: int, chroma_step: int
) -> None:
    """The planes end with their last pixel, and the sanitizer sees a byte behind it."""
    picture = CameraPicture(
        *noise_picture(height, width), padding=padding, chroma_step=chroma_step, full_range=False, rotation=90
    )
    found, _ = _pictures(program, picture)
    np.testing.assert_array_equal(found, picture.upright())


def test_crop_turn_and_mirror_give_what_people_see(program: Path, letterbox_program: Path) -> None:
    """And the network's input is that of the whole upright picture, letterboxed afterwards, to the byte."""
    whole = CameraPicture(*noise_picture(48, 64), padding=8, full_range=False)
    for crop, rotation, mirrored in itertools.product(
        (None, (2, 4, 60, 40), (3, 5, 24, 46)), (0, 90, 180, 270), (False, True)
    ):
        picture = replace(whole, crop=crop, rotation=rotation, mirrored=mirrored)
        found, network_input = _pictures(program, picture)
        np.testing.assert_array_equal(found, picture.upright(), err_msg=f"{crop} {rotation} {mirrored}")
        words = [str(side) for side in (*found.shape[:2], *INPUT)]
        done = subprocess.run([str(letterbox_program), *words], input=found.tobytes(), capture_output=True, check=True)
        assert done.stdout == network_input.tobytes(), f"{crop} {rotation} {mirrored}"


def test_only_what_the_crop_needs_must_be_there(program: Path) -> None:
    """A plane that is cut behind the crop's last pixel is enough."""
    picture = CameraPicture(*noise_picture(8, 8), chroma_step=1, crop=(0, 0, 8, 4), full_range=False)
    y, u, v = picture.planes()
    cut = [(y[0][:32], *y[1:]), (u[0][:8], *u[1:]), (v[0][:8], *v[1:])]
    printed, error = _run(program, cut, picture.holding())
    assert not error
    assert printed[: 3 * 32] == picture.upright().tobytes()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": (b"\0" * 63, 8, 1)}, "the camera's plane Y has 63 bytes, expected 64"),
        ({"v": (b"\0" * 15, 4, 1)}, "the camera's plane V has 15 bytes, expected 16"),
        ({"u": (b"", 4, 1)}, "the camera's plane U is no direct buffer"),
        ({"y": (b"\0" * 64, 0, 1)}, "the camera's plane Y has a row stride of 0, a row needs 8"),
        ({"u": (b"\0" * 64, 4, 0)}, "the camera's plane U has a pixel stride of 0"),
        ({"u": (b"\0" * 64, -4, 1)}, "the camera's plane U has a row stride of -4, a row needs 4"),
        ({"y": (b"\0" * 64, 2**31 - 1, 1)}, "expected 15032385537"),
        ({"y": (b"\0" * 64, 2**31 - 1, 2**30)}, "a row needs 7516192769"),
        ({"crop": (0, 0, 9, 8)}, "has a row stride of 8, a row needs 9"),
        ({"crop": (4, 0, 4, 8)}, "crop rectangle is none: 4, 0 to 4, 8"),
        ({"crop": (-1, 0, 8, 8)}, "crop rectangle is none"),
        ({"crop": (0, 0, 8, 2**31 - 1)}, "crop rectangle is none"),
        ({"rotation": 45}, "turned by 0, 90, 180 or 270 degrees, found 45"),
    ],
)
def test_a_layout_that_leads_outside_is_refused(program: Path, change: dict[str, Any], sentence: str) -> None:
    picture = CameraPicture(*noise_picture(8, 8), chroma_step=1)
    layout: dict[str, Any] = dict(zip("yuv", picture.planes(), strict=True))
    layout |= {"crop": picture.rectangle(), "rotation": 0} | change
    printed, error = _run(program, [layout[name] for name in "yuv"], [*layout["crop"], layout["rotation"], 0, 0])
    assert not printed
    assert sentence in error
