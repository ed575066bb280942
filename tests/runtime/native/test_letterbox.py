"""The C++ letterbox equals cv2's within one grey level."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from deepmark.runtime import letterbox, native

SOURCES = Path(native.__file__).parent / "src"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of letterbox_run.cpp, with the sanitizers."""
    if (compiler := shutil.which("g++")) is None:
        pytest.skip("needs g++")
    built = tmp_path_factory.mktemp("letterbox") / "program"
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    flags += [f"-I{folder}" for folder in (SOURCES, SOURCES.parent / "include")]
    sources = [
        *(str(SOURCES / f"{name}.cpp") for name in ("letterbox", "camera_frame")),
        str(Path(__file__).parent / "letterbox_run.cpp"),
    ]
    done = subprocess.run([compiler, *flags, *sources, "-o", str(built)], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return built


@pytest.mark.slow
@pytest.mark.parametrize("input_hw", [(64, 64), (96, 64), (64, 160), (256, 256)])
@pytest.mark.parametrize(
    "image_hw", [(1, 1), (1, 50), (50, 1), (64, 64), (33, 47), (480, 640), (700, 301), (90, 900), (1201, 799)]
)
def test_it_equals_cv2_within_one_grey_level(
    program: Path, image_hw: tuple[int, int], input_hw: tuple[int, int]
) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*image_hw, 3), np.uint8)
    words = [str(side) for side in (*image_hw, *input_hw)]
    done = subprocess.run([str(program), *words], input=image.tobytes(), capture_output=True, check=False)
    assert not done.returncode, done.stderr
    warped = np.frombuffer(done.stdout, np.uint8).reshape(*input_hw, 3)
    expected, _ = letterbox(image, input_hw)
    assert np.abs(warped.astype(int) - expected).max() <= 1
