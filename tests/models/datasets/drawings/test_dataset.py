"""A folder of drawings: DeepFashion2's format, whole files, the same bytes for any number of workers."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from media_files import read_image

from deepmark.errors import DataError
from deepmark.models.datasets.drawings import draw
from deepmark.models.datasets.drawings.dataset import DatasetSummary, write_dataset
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetSummary]:
    """Twenty small pictures from one process; never written to by a test."""
    folder = tmp_path_factory.mktemp("drawn") / "set"
    return folder, write_dataset(folder, count=20, seed=7, size=96, workers=1)


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_as_one(drawn: tuple[Path, DatasetSummary], tmp_path: Path) -> None:
    steps: list[int] = []
    write_dataset(tmp_path / "two", count=20, seed=7, size=96, workers=2, advance=lambda: steps.append(1))
    assert _hashes(tmp_path / "two") == _hashes(drawn[0])
    assert len(steps) == 20


def test_a_longer_set_begins_with_the_shorter_one(drawn: tuple[Path, DatasetSummary], tmp_path: Path) -> None:
    write_dataset(tmp_path / "short", count=3, seed=7, size=96, workers=1)
    assert _hashes(tmp_path / "short").items() <= _hashes(drawn[0]).items()


def test_pictures_and_labels_come_in_pairs_that_the_summary_counts(drawn: tuple[Path, DatasetSummary]) -> None:
    folder, summary = drawn
    stems = [f"{number:06d}" for number in range(1, 21)]
    assert sorted(path.name for path in (folder / "image").iterdir()) == [f"{stem}.jpg" for stem in stems]
    assert sorted(path.name for path in (folder / "annos").iterdir()) == [f"{stem}.json" for stem in stems]
    labels = [json.loads((folder / "annos" / f"{stem}.json").read_text()) for stem in stems]
    items = [value for document in labels for name, value in document.items() if name.startswith("item")]
    assert summary.items == len(items) == sum(summary.classes.values())
    for name, counts in summary.attributes.items():
        assert counts == {str(value): sum(item[name] == value for item in items) for value in (1, 2, 3)}


def test_labels_have_every_field_of_deepfashion2(drawn: tuple[Path, DatasetSummary]) -> None:
    for path in (drawn[0] / "annos").iterdir():
        document = json.loads(path.read_text())
        assert document.pop("source") in {"shop", "user"}
        assert document.pop("pair_id") == int(path.stem)
        assert list(document) == [f"item{number}" for number in range(1, len(document) + 1)]
        for item in document.values():
            _check_item(item)


def _check_item(item: dict[str, Any]) -> None:
    assert set(item) == {
        "segmentation",
        "scale",
        "viewpoint",
        "zoom_in",
        "landmarks",
        "style",
        "bounding_box",
        "category_id",
        "occlusion",
        "category_name",
    }
    one = SCHEMA.classes[item["category_id"] - 1]
    assert item["category_name"] == one.name
    landmarks = item["landmarks"]
    assert isinstance(landmarks, list)
    assert len(landmarks) == 3 * len(one.groups)
    assert all(type(flag) is int and flag in {0, 1, 2} for flag in landmarks[2::3])
    assert item["segmentation"]
    for outline in item["segmentation"]:
        assert len(outline) >= 6
        assert len(outline) % 2 == 0
        assert 0 <= min(outline) <= max(outline) <= 95
    left, top, right, bottom = item["bounding_box"]
    assert 0 <= left < right <= 95
    assert 0 <= top < bottom <= 95
    assert all(item[name] in {1, 2, 3} for name in ("scale", "occlusion", "zoom_in", "viewpoint"))


def test_pictures_decode_to_what_was_drawn(drawn: tuple[Path, DatasetSummary]) -> None:
    for number in (1, 20):
        image = read_image(drawn[0] / "image" / f"{number:06d}.jpg")
        difference = image.astype(int) - draw(7, number, 96).image_bgr_u8
        assert np.abs(difference).mean() < 12


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="is not an empty folder") as caught:
        write_dataset(tmp_path, count=1, seed=0, size=64, workers=1)
    assert "delete" in str(caught.value.hint)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match="file"):
            write_dataset(folder, count=1, seed=0, size=64, workers=1)


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert write_dataset(tmp_path, count=1, seed=0, size=64, workers=4).workers == 1


class _FullFile(io.FileIO):
    """A file for half of which the disk has room."""

    def write(self, content: Any) -> int:
        super().write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_clear_line_and_leaves_no_part_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.open

    def full(path: Path, *args: Any) -> Any:
        return _FullFile(path, "w") if "000003" in path.name else whole(path, *args)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DataError, match=r"cannot write .*000003.jpg: No space left on device") as caught:
        write_dataset(tmp_path, count=5, seed=0, size=64, workers=1)
    assert "space" in str(caught.value.hint)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "000001.jpg",
        "000001.json",
        "000002.jpg",
        "000002.json",
    ]


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files_only(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, count=200, seed=0, size=64, workers=2, advance=interrupt)
    pictures = {path.stem for path in (tmp_path / "image").iterdir()}
    assert pictures == {path.stem for path in (tmp_path / "annos").iterdir()}
    assert 8 <= len(pictures) < 200
    assert all(cv2.imread(str(path)) is not None for path in (tmp_path / "image").iterdir())


@pytest.mark.slow
def test_a_killed_process_is_an_error_that_says_so(tmp_path: Path) -> None:
    def kill() -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(DataError, match="a drawing process was killed"):
        write_dataset(tmp_path, count=400, seed=0, size=64, workers=2, advance=kill)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import multiprocessing, os, pathlib, sys\n"
        "from deepmark.models.datasets.drawings.dataset import write_dataset\n"
        "def die():\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "if __name__ == '__main__':\n"
        "    write_dataset(pathlib.Path(sys.argv[1]), count=400, seed=0, size=64, workers=2, advance=die)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "set")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    assert done.returncode == -9
    children = [int(pid) for pid in done.stdout.split()]
    assert len(children) == 2
    deadline = time.monotonic() + 30
    while any(_is_running(pid) for pid in children):
        assert time.monotonic() < deadline, "orphans are still drawing"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
