"""A folder appears whole or not at all, and what killed processes leave is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from full_disk import mounted

from deepmark import files
from deepmark.errors import BundleError
from deepmark.exporter.staging import publish, refuse_foreign, staged_folder


def _fill(folder: Path, content: str) -> Path:
    bundle = folder / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text(content)
    return bundle


def _make(target: Path, content: str) -> None:
    with staged_folder(target) as work:
        publish(_fill(work, content), target)


def test_a_published_folder_is_alone_in_its_place(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "net.deepmark"
    _make(target, "first")
    assert (target / "manifest.json").read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["net.deepmark"]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_old_bundle_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    if not at_once:
        monkeypatch.setattr(files, "_exchange_at_once", lambda *_: False)
    target = tmp_path / "net.deepmark"
    _make(target, "old")
    (target / "stale").write_text("goes too")
    _make(target, "new")
    assert [path.name for path in target.iterdir()] == ["manifest.json"]
    assert (target / "manifest.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["net.deepmark"]


def test_this_system_exchanges_folders_at_once(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not files._exchange_at_once(os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b")):
        pytest.skip("neither renameat2 nor renamex_np here: three renames are used")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()


def test_the_old_bundle_survives_a_failed_replacement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "net.deepmark"
    _make(target, "old")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "_exchange", fail)
    with pytest.raises(BundleError, match=r"cannot write .*net\.deepmark: Input/output error"):
        _make(target, "new")
    assert (target / "manifest.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["net.deepmark"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_interrupts_leaves_nothing_not_even_new_folders(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with staged_folder(tmp_path / "new" / "net.deepmark") as work:
            _fill(work, "half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_bundle_is_not_replaced(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "net.deepmark"
    if kind == "file":
        target.write_text("mine")
    elif kind == "folder":
        target.mkdir()
        (target / "mine").touch()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="exists and is no bundle"):
        _make(target, "new")
    assert target.is_symlink() or target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["net.deepmark"]


@pytest.fixture
def abandoned(tmp_path: Path) -> Path:
    """What a process left that was killed in mid-export."""
    target = tmp_path / "net.deepmark"
    code = (
        "import os, pathlib, signal, sys; from deepmark.exporter.staging import staged_folder\n"
        "with staged_folder(pathlib.Path(sys.argv[1])) as work:\n"
        "    (work / 'half').write_text('weights'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    child = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert child.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".net.deepmark-")
    return target


def test_the_next_export_removes_what_a_killed_one_left(abandoned: Path) -> None:
    _make(abandoned, "whole")
    assert [path.name for path in abandoned.parent.iterdir()] == ["net.deepmark"]


def test_an_export_to_another_name_leaves_it_alone(abandoned: Path) -> None:
    _make(abandoned.with_name("other.deepmark"), "whole")
    assert len(list(abandoned.parent.iterdir())) == 2


def test_two_exports_to_one_place_do_not_disturb_each_other_and_the_last_wins(tmp_path: Path) -> None:
    target = tmp_path / "net.deepmark"
    with staged_folder(target) as first, staged_folder(target) as second:
        assert first.is_dir()
        publish(_fill(second, "second"), target)
        publish(_fill(first, "first"), target)
    assert (target / "manifest.json").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["net.deepmark"]


def test_a_path_through_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot write") as error:
        _make(tmp_path / "file" / "net.deepmark", "new")
    assert error.value.hint == "choose another --output"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that even root cannot write to."""
    with mounted(tmp_path / "read-only", "ro") as folder:
        yield folder


def test_a_read_only_place_is_one_sentence(read_only: Path) -> None:
    with pytest.raises(BundleError, match="Read-only file system"):
        _make(read_only / "net.deepmark", "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_forbidden_place_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BundleError, match="Permission denied"):
        _make(tmp_path / "net.deepmark", "new")
    tmp_path.chmod(0o700)


def test_folders_of_others_with_a_similar_hidden_name_stay(tmp_path: Path) -> None:
    mine = tmp_path / ".net.deepmark-backup"
    mine.mkdir()
    _make(tmp_path / "net.deepmark", "new")
    assert mine.is_dir()


def test_nothing_is_written_into_a_bundle(tmp_path: Path) -> None:
    _make(tmp_path / "net.deepmark", "whole")
    with pytest.raises(BundleError, match="is a bundle itself"):
        refuse_foreign(tmp_path / "net.deepmark" / "other.deepmark")


def test_a_target_that_may_not_be_looked_at_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def may_not(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", may_not)
    with pytest.raises(BundleError, match=r"cannot write .*: Permission denied"):
        refuse_foreign(tmp_path / "net.deepmark")
