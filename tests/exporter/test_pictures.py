"""The pictures that parity runs on: where they come from, and what is done with bad ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deepmark.errors import DataError
from deepmark.exporter.pictures import MAX_PICTURES, gather_pictures, noise, shaped_size
from deepmark.exporter.vectors import golden


def _draw(path: Path, value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((40, 50, 3), value, np.uint8))


def _names(folder: Path | None, checkpoint: Path, *, dynamic: bool = False) -> list[str]:
    return [picture.name for picture in gather_pictures(folder, checkpoint, (64, 96), multiple=32, dynamic=dynamic)]


def test_the_named_folder_comes_first_then_samples_beside_the_checkpoint_then_our_own(tmp_path: Path) -> None:
    checkpoint = tmp_path / "net" / "net.pth"
    checkpoint.parent.mkdir()
    assert _names(None, checkpoint) == ["drawing0.jpg", "drawing1.jpg", "noise"]
    _draw(checkpoint.parent / "private.png")  # two of them would become part of the bundle
    assert _names(None, checkpoint) == ["drawing0.jpg", "drawing1.jpg", "noise"]
    _draw(checkpoint.parent / "samples" / "sample.jpg")
    assert _names(None, checkpoint) == ["sample.jpg", "noise"]
    _draw(tmp_path / "mine" / "own.bmp")
    assert _names(tmp_path / "mine", checkpoint) == ["own.bmp", "noise"]


def test_a_dynamic_model_is_also_run_in_the_shape_of_a_tall_picture(tmp_path: Path) -> None:
    for size in ((64, 64), (64, 96), (96, 64), (64, 32)):
        *_, other = gather_pictures(None, tmp_path / "net.pth", size, multiple=32, dynamic=True)
        height, width = other.image.shape[:2]
        assert (height, width) != size
        assert height % 32 == width % 32 == 0
        assert other.name.endswith(f"@{height}x{width}")


def test_pictures_are_letterboxed_to_the_network_and_noise_is_always_the_same(tmp_path: Path) -> None:
    first, second = (
        gather_pictures(None, tmp_path / "net.pth", (64, 96), multiple=32, dynamic=False) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert one.image.shape == (64, 96, 3)
        np.testing.assert_array_equal(one.image, other.image)


def test_noise_uses_all_grey_levels_and_is_smooth_as_pictures_are() -> None:
    image = noise((64, 96)).astype(np.float64)
    assert (image.min(), image.max()) == (0, 255)
    assert np.abs(np.diff(image, axis=1)).mean() < 0.5 * image.std()  # of white noise it would be 1.1 of it


def test_at_most_eight_pictures_are_used(tmp_path: Path) -> None:
    for number in range(MAX_PICTURES + 3):
        _draw(tmp_path / f"{number:02}.png")
    assert _names(tmp_path, tmp_path / "net.pth") == [f"{n:02}.png" for n in range(MAX_PICTURES)] + ["noise"]


def test_a_folder_that_is_none_or_has_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no folder"):
        _names(tmp_path / "missing", tmp_path / "net.pth")
    with pytest.raises(DataError, match="holds no picture"):
        _names(tmp_path, tmp_path / "net.pth")


def test_an_unreadable_picture_is_named_in_a_given_folder_and_left_out_of_samples(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    _draw(samples / "b.png")
    (samples / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"cannot read the picture .*a\.png"):
        _names(samples, tmp_path / "elsewhere" / "net.pth")
    assert _names(None, tmp_path / "net.pth") == ["b.png", "noise"]


def test_a_picture_is_read_as_detect_reads_it(tmp_path: Path) -> None:
    clear = np.zeros((64, 64, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    picture, *_ = gather_pictures(tmp_path, tmp_path / "net.pth", (64, 64), multiple=32, dynamic=False)
    assert (picture.image == 255).all()


def test_a_picture_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    _draw(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a\udcff.png")
    assert _names(tmp_path, tmp_path / "net.pth") == ["a\ufffd.png", "noise"]


@pytest.mark.parametrize(
    ("size", "multiple", "other"),
    [
        ((256, 256), 32, (256, 192)),
        ((192, 256), 32, (192, 160)),
        ((64, 64), 32, (64, 32)),  # 3:4 of it is rounded up to itself
        ((256, 192), 32, (256, 160)),
        ((128, 128), 128, (128, 256)),
        ((512, 512), 128, (512, 384)),
    ],
)
def test_the_other_size_is_that_of_a_3_to_4_picture_where_it_is_another(
    size: tuple[int, int], multiple: int, other: tuple[int, int]
) -> None:
    assert shaped_size(size, multiple) == other


def test_the_picture_of_the_other_shape_fills_its_input(tmp_path: Path) -> None:
    _draw(tmp_path / "wide.png", value=255)
    *_, other = gather_pictures(tmp_path, tmp_path / "net.pth", (128, 128), multiple=32, dynamic=True)
    assert other.image.shape == (128, 96, 3)
    assert other.image[8:-8, 8:-8].min() == 255


def test_golden_vectors_are_two_pictures_and_noise_of_the_model_s_size_and_one_of_another(tmp_path: Path) -> None:
    for number in range(4):
        _draw(tmp_path / f"{number}.png")
    for dynamic, last in ((True, ["0.png@128x96"]), (False, [])):
        pictures = gather_pictures(tmp_path, tmp_path / "net.pth", (128, 128), multiple=32, dynamic=dynamic)
        assert [one.name for one in golden(pictures, (128, 128))] == ["0.png", "1.png", "noise", *last]
