"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from deepmark.errors import BundleError, DataError, DeepMarkError
from deepmark.files import cache_folder, scratch_folder, whole_file, whole_folder, write_whole


def test_a_file_appears_with_the_folders_above_it(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file.json"
    write_whole(target, b"whole", durable=True)
    assert target.read_bytes() == b"whole"
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]


def _write_half(target: Path, error: BaseException, *, keep_part: bool = True) -> None:
    with whole_file(target, keep_part=keep_part) as hidden:
        hidden.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, BundleError])
def test_an_old_file_survives_whatever_interrupts(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(error):
        _write_half(target, error("stopped"), keep_part=False)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DeepMarkError("damaged"), MemoryError(), ValueError()])
def test_a_part_is_kept_where_it_is_good_for_something(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        _write_half(tmp_path / "file", error)
    assert (tmp_path / "file").read_text() == "half"


def test_a_part_is_not_kept_when_the_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(DeepMarkError, match=r"cannot write .*file: No space left") as caught:
        _write_half(tmp_path / "file", OSError(errno.ENOSPC, "No space left on device"))
    assert caught.value.hint == "free some space, or write to another disk"
    assert not list(tmp_path.iterdir())


LONG_NAMES = [
    *("n" * (length - 4) + ".mp4" for length in (54, 55, 63, 64, 65, 245, 246, 255)),
    "é" * 125 + "n.mp4",
    "服" * 83 + ".mp4",
    "n" * 255,
    "n." + "n" * 253,
]


@pytest.mark.parametrize("name", LONG_NAMES)
def test_a_name_may_be_as_long_as_the_file_system_takes(name: str, tmp_path: Path) -> None:
    with whole_file(tmp_path / name) as hidden:
        assert hidden.suffix == (".mp4" if name.endswith(".mp4") else "")
        assert len(os.fsencode(hidden.name)) <= max(64, len(os.fsencode(name)))
        hidden.write_text("whole")
    with whole_folder(tmp_path / "folders" / name) as folder:
        (folder / "file").write_text("whole")

    assert (tmp_path / name).read_text() == "whole"
    assert (tmp_path / "folders" / name / "file").read_text() == "whole"
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("name", ["n" * 10, "n" * 200, "n" * 255])
def test_folders_of_killed_makers_are_swept_whatever_their_names_are(name: str, tmp_path: Path) -> None:
    with scratch_folder(tmp_path / name) as first:
        left = first
    left.mkdir()
    (left / "part").touch()

    with scratch_folder(tmp_path / name):
        assert not left.exists()


def test_the_maker_of_the_error_decides_its_type(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="no room for file"):
        write_whole(tmp_path / "file" / "file", b"", explain=lambda path, _: DataError(f"no room for {path.name}"))


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "set"
    with whole_folder(target) as folder:
        (folder / "one").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["one"]
    assert [path.name for path in target.parent.iterdir()] == ["set"]


def _make_half(target: Path) -> None:
    with whole_folder(target) as folder:
        (folder / "one").touch()
        raise RuntimeError


def test_a_folder_that_was_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _make_half(tmp_path / "new" / "set")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_another_process_made_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "set"
    with whole_folder(target) as folder:
        (folder / "ours").touch()
        target.mkdir()
        (target / "theirs").touch()
    assert [path.name for path in target.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeepMarkError, match=r"cannot write .*set"), whole_folder(tmp_path / "file" / "set"):
        pass


@pytest.mark.parametrize(
    ("variables", "platform", "expected"),
    [
        ({"DEEPMARK_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "linux", "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "linux", "/b/deepmark"),
        ({}, "linux", "/h/.cache/deepmark"),
        ({}, "darwin", "/h/Library/Caches/deepmark"),
    ],
)
def test_where_the_cache_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], platform: str, expected: str
) -> None:
    for name in ("DEEPMARK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (variables | {"HOME": "/h"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert os.fspath(cache_folder()) == expected
