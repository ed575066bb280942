"""The C++ crop around a pose is Python's: the same place, the same pixels within one grey level."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from native_programs import compile_program

from deepmark.runtime.refinement.pose_crop import PoseCrop

pytestmark = pytest.mark.slow

IMAGE_HW = (90, 130)
PICTURE = np.random.default_rng(4).integers(0, 256, (*IMAGE_HW, 3), np.uint8)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("pose_crop"), "pose_crop_run", ("pose_crop",))


def run(
    program: Path, points: list[tuple[float, float]], input_hw: tuple[int, int]
) -> subprocess.CompletedProcess[bytes]:
    words = [str(word) for word in (*IMAGE_HW, *input_hw, *np.ravel(points).tolist())]
    return subprocess.run([program, *words], input=PICTURE.tobytes(), capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("input_hw", [(64, 64), (96, 64), (64, 96)])
@pytest.mark.parametrize(
    "points",
    [
        pytest.param([(30.5, 20.25), (80.0, 66.5), (44.0, 31.0)], id="inside"),
        pytest.param([(100.0, 70.0), (128.0, 88.0)], id="partly outside"),
        pytest.param([(-60.0, -400.0), (300.0, 500.0)], id="larger than the picture"),
        pytest.param([(60.0, 40.0)], id="one point"),
        pytest.param([(60.0, 40.0), (60.0, 50.0)], id="one line"),
        pytest.param([(60.0, 40.0), (61.5, 40.75)], id="enlarged"),
    ],
)
def test_it_is_python_s(program: Path, points: list[tuple[float, float]], input_hw: tuple[int, int]) -> None:
    done = run(program, points, input_hw)
    assert not done.returncode, done.stderr
    expected = PoseCrop.of_pose(np.array(points), input_hw)
    placed = np.frombuffer(done.stdout[: 32 * len(points)], np.float64).reshape(-1, 2, 2)
    np.testing.assert_allclose(placed[:, 0], expected.to_input(np.array(points)), atol=1e-9)
    np.testing.assert_allclose(placed[:, 1], points, atol=1e-9)
    cut = np.frombuffer(done.stdout[32 * len(points) :], np.uint8).reshape(*input_hw, 3)
    assert np.abs(cut.astype(int) - expected.cut(PICTURE)).max() <= 1


@pytest.mark.parametrize("point", [(1e30, 20.0), (-1e30, -1e30), (20.0, 3e38)])
def test_a_landmark_outside_all_pictures_shows_black(program: Path, point: tuple[float, float]) -> None:
    done = run(program, [point], (64, 64))
    assert not done.returncode, done.stderr
    assert not any(done.stdout[32:])


@pytest.mark.parametrize(
    ("points", "words"), [([], b"needs an object with landmarks"), ([(1.0, float("nan"))], b"that are all finite")]
)
def test_what_is_no_pose_is_refused(program: Path, points: list[tuple[float, float]], words: bytes) -> None:
    done = run(program, points, (64, 64))
    assert done.returncode == 1
    assert words in done.stderr
