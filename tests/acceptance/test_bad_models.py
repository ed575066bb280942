"""Whatever happens to an exported model: it is refused in one line, and the native library never takes us down."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Deepmark


@pytest.fixture
def bundle(demo_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the demo bundle that a test may damage."""
    return Path(shutil.copytree(demo_bundle, tmp_path / demo_bundle.name))


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _replace_by_text(path: Path) -> None:
    path.write_text("this is no model\n")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [_flip_a_byte, _truncate, _replace_by_text, _empty, _remove])
def test_every_damaged_file_of_a_bundle_is_found_and_named(
    damage: Callable[[Path], None], bundle: Path, deepmark: Deepmark
) -> None:
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    assert {"model.mnn", "model.onnx", "manifest.json"} <= {path.name for path in files}
    for file in files:
        kept = file.read_bytes()
        damage(file)
        deepmark("verify", bundle).assert_refused(1, file.name)
        file.write_bytes(kept)
    assert deepmark("verify", bundle).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("damage", [_truncate, _replace_by_text, _empty])
@pytest.mark.parametrize("name", ["model.mnn", "model.onnx"])
def test_a_bare_model_that_is_damaged_is_refused(
    damage: Callable[[Path], None],
    name: str,
    bundle: Path,
    tmp_path: Path,
    demo_pictures: tuple[Path, ...],
    deepmark: Deepmark,
) -> None:
    bare = tmp_path / name
    shutil.copy(bundle / name, bare)
    damage(bare)

    deepmark("detect", bare, demo_pictures[0], "-o", tmp_path / "out").assert_refused(1, name)

    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_bundle_of_an_unknown_version_is_refused(bundle: Path, deepmark: Deepmark) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["schema_version"] = 99
    (bundle / "manifest.json").write_text(json.dumps(manifest))

    deepmark("verify", bundle).assert_refused(1, "99", "version 1")


@pytest.mark.slow
def test_a_read_only_bundle_works(bundle: Path, deepmark: Deepmark) -> None:
    for path in [bundle, *bundle.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        before = sorted(path.name for path in bundle.rglob("*"))
        assert deepmark("verify", bundle).code == 0
        assert sorted(path.name for path in bundle.rglob("*")) == before
    finally:
        bundle.chmod(0o755)
        for path in bundle.rglob("*"):
            path.chmod(0o755)


def test_a_zip_that_would_write_outside_is_refused(tmp_path: Path, deepmark: Deepmark) -> None:
    evil = tmp_path / "evil.deepmark.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../outside.txt", "gotcha")
        archive.writestr("manifest.json", "{}")

    deepmark("verify", evil).assert_refused(1, "evil.deepmark.zip")

    assert not (tmp_path.parent / "outside.txt").exists()


@pytest.mark.parametrize("name", ["nothing.deepmark", "nothing.mnn", "nothing.deepmark.zip"])
def test_a_model_that_is_not_there_is_said(name: str, tmp_path: Path, deepmark: Deepmark) -> None:
    deepmark("verify", tmp_path / name).assert_refused(1, name)


def test_a_folder_that_is_no_bundle_is_said(tmp_path: Path, deepmark: Deepmark) -> None:
    (tmp_path / "empty.deepmark").mkdir()

    deepmark("verify", tmp_path / "empty.deepmark").assert_refused(1, "manifest.json")
