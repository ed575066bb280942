"""Zipped bundles: read in place, and nothing in a zip is believed."""

from __future__ import annotations

import os
import stat
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny import Tiny

from deepmark.errors import BundleError
from deepmark.runtime import bundle_files
from deepmark.runtime.bundle import open_bundle

Writer = Callable[[zipfile.ZipFile], None]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An own temporary folder, which every test must leave empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(folder))
    yield folder
    assert not list(folder.iterdir())


def pack(bundle: Path, target: Path, extra: Writer | None = None, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(target, "w", method) as zipped:
        for path in sorted(bundle.rglob("*")):
            zipped.write(path, f"shirt.deepmark/{path.relative_to(bundle).as_posix()}")
        if extra:
            extra(zipped)
    return target


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_opens_like_its_folder(tiny: Tiny, tmp_path: Path, method: int) -> None:
    folder, zipped = (
        open_bundle(tiny.bundle),
        open_bundle(pack(tiny.bundle, tmp_path / "a.deepmark.zip", method=method)),
    )
    assert zipped.manifest == folder.manifest
    assert zipped.weights == folder.weights
    assert zipped.read("vectors/one.bin") == folder.read("vectors/one.bin")


def test_a_model_file_exists_outside_the_zip_only_while_it_is_needed(
    tiny: Tiny, tmp_path: Path, temporary: Path
) -> None:
    model = open_bundle(pack(tiny.bundle, tmp_path / "a.deepmark.zip"))
    assert not list(temporary.iterdir())
    with model.weights_file("mnn") as path:
        assert path.read_bytes() == (tiny.bundle / "model.mnn").read_bytes()
        assert temporary in path.parents
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


def test_the_unpacked_file_goes_after_an_error_too(tiny: Tiny, tmp_path: Path) -> None:
    model = open_bundle(pack(tiny.bundle, tmp_path / "a.deepmark.zip"))
    with pytest.raises(KeyboardInterrupt), model.weights_file("mnn") as path:
        raise KeyboardInterrupt
    assert not path.exists()


def test_a_full_disk_is_said(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_bundle(pack(tiny.bundle, tmp_path / "a.deepmark.zip"))

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", no_room)
    with pytest.raises(BundleError, match=r"cannot unpack model\.mnn of .*: No space left on device") as caught:
        model.weights_file("mnn").__enter__()
    assert "TMPDIR" in str(caught.value.hint)


def _link(zipped: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("shirt.deepmark/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    zipped.writestr(info, "/etc/passwd")


def _twice(zipped: zipfile.ZipFile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of what it writes here
        zipped.writestr("shirt.deepmark/model.mnn", "again")


def _bomb(zipped: zipfile.ZipFile) -> None:
    zipped.writestr("shirt.deepmark/zeros", bytes(4 << 20))


def _file(name: str) -> Writer:
    return lambda zipped: zipped.writestr(name, "gotcha")


def _raw_name(name: str) -> Writer:
    """Write a name that ZipInfo would tidy up."""

    def write(zipped: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        zipped.writestr(info, "gotcha")

    return write


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (_file("../outside"), "'../outside' has a name that leads out of the bundle"),
        (_file("shirt.deepmark/../../outside"), "leads out of the bundle"),
        (_file("/absolute"), "'/absolute' has a name that leads out of the bundle"),
        (_file("shirt.deepmark//absolute"), "leads out of the bundle"),
        (_file("shirt.deepmark/./here"), "leads out of the bundle"),
        (_raw_name("shirt.deepmark\\..\\outside"), "has a name with a backslash"),
        (_file("C:/outside"), "has a name with a backslash, a colon"),
        (_file("elsewhere.txt"), "'elsewhere.txt' is outside the one folder NAME.deepmark/"),
        (_file("other.deepmark/file"), "'other.deepmark/file' is outside the one folder"),
        (_file("shirt.deepmark/extra"), "the file extra is not listed"),
        (_link, "'shirt.deepmark/link' is a link or another special file"),
        (_twice, "'shirt.deepmark/model.mnn' stands there twice"),
        (_bomb, r"'shirt.deepmark/zeros' unpacks [\d,]+ bytes to 4,194,304, expected at most 200 times"),
    ],
)
def test_a_zip_with_anything_odd_is_refused(tiny: Tiny, tmp_path: Path, extra: Writer, reason: str) -> None:
    path = pack(tiny.bundle, tmp_path / "a.deepmark.zip", extra)
    with pytest.raises(BundleError, match=f"a.deepmark.zip: .*{reason}"):
        open_bundle(path)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_FILES", 3, "holds 5 files, expected at most 3"),
        ("MAX_FILE_BYTES", 1000, "unpacks to [0-9,]+ bytes, expected at most 1,000"),
        ("MAX_TOTAL_BYTES", 1000, "unpacks to [0-9,]+ bytes, expected at most 1,000"),
    ],
)
def test_each_limit_holds(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    path = pack(tiny.bundle, tmp_path / "a.deepmark.zip")
    monkeypatch.setattr(bundle_files, limit, value)
    with pytest.raises(BundleError, match=reason):
        open_bundle(path)


def _directory_entry(content: bytes, name: bytes) -> int:
    """Where the central directory keeps this name's entry."""
    return content.rindex(b"PK\x01\x02", 0, content.rindex(name))


def _patch(path: Path, name: bytes, offset: int, layout: str, value: int) -> None:
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, _directory_entry(bytes(content), name) + offset, value)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "reason"),
    [
        (8, "<H", 1, "is encrypted"),
        (10, "<H", 14, "is packed by the unknown method 14"),
        (24, "<I", 3 << 29, "one.bin' unpacks to 1,610,612,736 bytes, expected at most 1,073,741,824"),
        (24, "<I", 10, "one.bin is damaged: expected 256 bytes, found 10|a.deepmark.zip is a damaged zip"),
        (16, "<I", 0, "a.deepmark.zip is a damaged zip, or none: Bad CRC-32 for file 'shirt.deepmark/vectors/one.bin'"),
        (42, "<I", 7, "a.deepmark.zip is a damaged zip"),
    ],
    ids=["encrypted", "method", "claims 1.5 GiB", "claims 10 bytes", "crc", "header elsewhere"],
)
def test_a_lying_directory_is_refused(
    tiny: Tiny, tmp_path: Path, offset: int, layout: str, value: int, reason: str
) -> None:
    path = pack(tiny.bundle, tmp_path / "a.deepmark.zip")
    _patch(path, b"shirt.deepmark/vectors/one.bin", offset, layout, value)
    with pytest.raises(BundleError, match=reason):
        open_bundle(path)


def test_every_damaged_byte_is_found_or_harmless(tiny: Tiny, tmp_path: Path) -> None:
    path = pack(tiny.bundle, tmp_path / "a.deepmark.zip", method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    expected = open_bundle(path).manifest
    refused = 0
    for position in range(0, len(content), 101):
        damaged = bytearray(content)
        damaged[position] ^= 0x11
        path.write_bytes(damaged)
        try:
            model = open_bundle(path)
            assert model.manifest == expected
            assert model.read("vectors/one.bin") == bytes(range(256))
        except BundleError:
            refused += 1
    assert refused > 0.9 * len(content) / 101  # the rest are time stamps and the like


@pytest.mark.parametrize("content", [b"", b"PK", b"this is text\n" * 9], ids=["empty", "two bytes", "text"])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.deepmark.zip").write_bytes(content)
    with pytest.raises(BundleError, match=r"a\.deepmark\.zip is a damaged zip, or none"):
        open_bundle(tmp_path / "a.deepmark.zip")


def test_a_zip_that_ends_early_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    path = pack(tiny.bundle, tmp_path / "a.deepmark.zip")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BundleError, match="is a damaged zip, or none"):
        open_bundle(path)


def test_a_zip_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.deepmark.zip", "w") as zipped:
        zipped.writestr("shirt.deepmark/model.mnn", "x")
    with pytest.raises(BundleError, match=r"it has no manifest\.json"):
        open_bundle(tmp_path / "a.deepmark.zip")


def test_what_macos_packs_beside_a_folder_is_left_out(tiny: Tiny, tmp_path: Path) -> None:
    zipped = pack(tiny.bundle, tmp_path / "a.zip", lambda z: z.writestr("__MACOSX/shirt.deepmark/._model.mnn", b"x"))
    assert open_bundle(zipped).manifest == open_bundle(tiny.bundle).manifest
