"""Opening models: every file is checked, nothing is written, and what is wrong is named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest
from tiny import Tiny, write_bundle

from deepmark.errors import BundleError
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.manifest import FileEntry, Manifest

FILES = ("model.mnn", "model.onnx", "vectors/one.bin")


@pytest.fixture
def bundle(tiny: Tiny, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny.bundle, tmp_path / "shirt.deepmark"))


def test_a_bundle_opens_with_its_manifest_and_prefers_mnn(tiny: Tiny) -> None:
    model = open_bundle(str(tiny.bundle))
    assert msgspec.structs.replace(model.manifest, files={}) == tiny.manifest
    assert model.weights == {"mnn": "model.mnn", "onnxruntime": "model.onnx"}
    assert next(iter(model.weights)) == "mnn"
    assert sorted(model.entries) == sorted(FILES)
    with model.weights_file("mnn") as path:
        assert path == tiny.bundle / "model.mnn"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("position", [0, 100, -1])
def test_a_flipped_byte_is_found_in_each_file(bundle: Path, name: str, position: int) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[position] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(
        BundleError, match=rf"the file {name} is damaged: expected sha256 [0-9a-f]{{64}}, found [0-9a-f]{{64}}"
    ):
        open_bundle(bundle)


def test_a_flipped_byte_in_the_manifest_is_found(bundle: Path) -> None:
    content = bytearray((bundle / "manifest.json").read_bytes())
    content[content.index(b"tiny")] ^= 1
    (bundle / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json is damaged or was changed"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_short_is_named_with_both_lengths(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-1])
    with pytest.raises(
        BundleError, match=f"{name} is damaged: expected {len(content):,} bytes, found {len(content) - 1:,}"
    ):
        open_bundle(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"the file {name} is missing, expected [\d,]+ bytes with sha256 [0-9a-f]"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["extra.txt", "vectors/extra.bin", "model.onnx.data"])
def test_a_file_that_is_not_listed_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).write_text("hello")
    with pytest.raises(BundleError, match=f"the file {name} is not listed in manifest.json"):
        open_bundle(bundle)


def test_what_file_managers_leave_behind_is_ignored(bundle: Path) -> None:
    (bundle / ".DS_Store").write_text("")
    (bundle / "vectors" / "._one.bin").write_text("")
    assert open_bundle(bundle).manifest.name == "tiny"


@pytest.mark.parametrize("target", ["outside.bin", "shirt.deepmark/vectors/one.bin", "nowhere"])
def test_a_link_is_refused_wherever_it_leads(bundle: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.bin").write_bytes((bundle / "model.mnn").read_bytes())
    (bundle / "model.mnn").unlink()
    (bundle / "model.mnn").symlink_to(tmp_path / target)
    with pytest.raises(BundleError, match=r"model\.mnn is a link"):
        open_bundle(bundle)


def test_a_linked_folder_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "vectors").rename(tmp_path / "elsewhere")
    (bundle / "vectors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="vectors is a link"):
        open_bundle(bundle)


def test_a_link_to_a_whole_bundle_is_fine(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tiny.bundle)
    assert open_bundle(tmp_path / "latest").manifest.name == "tiny"


def test_a_pipe_in_a_bundle_does_not_hang_us(bundle: Path) -> None:
    os.mkfifo(bundle / "vectors" / "pipe")
    with pytest.raises(BundleError, match="vectors/pipe is no plain file"):
        open_bundle(bundle)


def test_opening_and_reading_write_nothing(bundle: Path) -> None:
    paths = [bundle, *bundle.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
    assert open_bundle(bundle).read("vectors/one.bin") == bytes(range(256))
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*")} == before
    for path in paths:
        path.chmod(0o755)


def test_reading_checks_again(bundle: Path) -> None:
    model = open_bundle(bundle)
    (bundle / "vectors" / "one.bin").write_bytes(bytes(256))
    with pytest.raises(BundleError, match=r"vectors/one\.bin is damaged"):
        model.read("vectors/one.bin")
    (bundle / "vectors" / "one.bin").unlink()
    with pytest.raises(BundleError, match=r"cannot read vectors/one\.bin of .*: No such file"):
        model.read("vectors/one.bin")


def test_only_listed_files_can_be_read(tiny: Tiny) -> None:
    with pytest.raises(BundleError, match=r"lists no file '\.\./tiny\.onnx'"):
        open_bundle(tiny.bundle).read("../tiny.onnx")


def test_a_manifest_cannot_list_files_outside(tiny: Tiny, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    files = {"../secret": FileEntry("0" * 64, 6)}
    (bundle / "manifest.json").write_bytes(msgspec.structs.replace(tiny.manifest, files=files).to_json())
    with pytest.raises(BundleError, match=r"the file \.\./secret is missing"):
        open_bundle(bundle)


def test_a_bundle_without_a_model_is_refused(tiny_manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no model: expected model\.mnn or model\.onnx"):
        open_bundle(write_bundle(tmp_path / "empty.deepmark", tiny_manifest, {}))


def test_a_manifest_of_absurd_size_is_not_read(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.runtime.bundle.MAX_MANIFEST_BYTES", 100)
    with pytest.raises(BundleError, match=r"manifest\.json is larger than 100 bytes"):
        open_bundle(bundle)


@pytest.mark.parametrize("suffix", [".onnx", ".mnn"])
def test_a_bare_file_opens_by_the_manifest_inside(tiny: Tiny, tmp_path: Path, suffix: str) -> None:
    source = tiny.onnx if suffix == ".onnx" else tiny.mnn
    bare = tmp_path / f"Größe 1 {suffix.upper()}"
    shutil.copy(source, bare.with_suffix(suffix.upper()))
    model = open_bundle(bare.with_suffix(suffix.upper()))
    assert msgspec.structs.replace(model.manifest, heads=tiny.manifest.heads) == tiny.manifest
    assert list(model.weights) == [{".onnx": "onnxruntime", ".mnn": "mnn"}[suffix]]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.mnn", b"", "a.mnn is empty"),
        ("a.onnx", b"hello world\n", "a.onnx is no ONNX model, or a damaged one"),
        ("a.mnn", b"hello world\n", "a.mnn is no MNN model, or a damaged one"),
        ("a.pth", b"x", "a.pth is no model"),
        ("a", b"x", "a is no model"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleError, match=sentence) as caught:
        open_bundle(tmp_path / name)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["none.deepmark", "none.deepmark.zip", "none.mnn", "none.onnx", "none"])
def test_a_path_that_does_not_exist_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match=f"{name} does not exist"):
        open_bundle(tmp_path / name)


def test_a_folder_that_is_no_bundle_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "shirt.deepmark").mkdir()
    with pytest.raises(BundleError, match=r"is no bundle: it has no manifest\.json"):
        open_bundle(tmp_path)
