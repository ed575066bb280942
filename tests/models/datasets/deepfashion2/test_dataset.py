"""A data set in a folder or a zip: indexed by name, read when asked, refused with a list of what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from deepfashion2_files import document, item, write_set, write_zip

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.deepfashion2.storage import read_password

GOOD = document(item(1), item(8))
BAD = document(item(bounding_box=[5, 5, 5, 5]))


def test_the_folder_of_the_set_and_its_parts_mean_the_same(tmp_path: Path) -> None:
    write_set(tmp_path, {1: GOOD, 20: document()})

    for labels, images in ((tmp_path, tmp_path), (tmp_path / "annos", tmp_path / "image")):
        dataset = open_dataset(labels, images)
        assert dataset.ids == (1, 20)
        assert [len(one.items) for one in dataset.read_all().annotations] == [2, 0]
        content, source = dataset.picture(20)
        assert content == (tmp_path / "image" / "000020.jpg").read_bytes()
        assert source.endswith("000020.jpg")


def test_only_names_are_read_before_something_is_asked_for(tmp_path: Path) -> None:
    write_set(tmp_path, {1: b"no JSON at all", 2: GOOD})

    dataset = open_dataset(tmp_path, tmp_path)

    assert len(dataset.annotation(2).items) == 2
    with pytest.raises(DataError, match="is not JSON"):
        dataset.annotation(1)


def test_the_first_ten_faults_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    write_set(tmp_path, dict.fromkeys(range(1, 14), BAD) | {20: GOOD})

    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path, tmp_path).read_all()

    message = str(caught.value)
    assert message.startswith("the data set has faults, 13 in all: ")
    assert message.endswith("; and 3 more")
    assert all(f"{number:06d}.json: item1.bounding_box is empty" in message for number in range(1, 11))
    assert "000011" not in message
    assert "--skip-bad" in str(caught.value.hint)


def test_bad_pictures_are_left_out_and_counted_when_asked_to(tmp_path: Path) -> None:
    write_set(tmp_path, {1: BAD, 2: GOOD, 3: b"{"})

    labels = open_dataset(tmp_path).read_all(skip_bad=True)

    assert [one.image_id for one in labels.annotations] == [2]
    assert len(labels.faults) == 2
    assert "000001.json" in labels.faults[0]
    assert "000003.json" in labels.faults[1]


def test_nothing_but_bad_pictures_is_an_error_even_then(tmp_path: Path) -> None:
    write_set(tmp_path, {1: BAD})

    with pytest.raises(DataError, match=r"no annotation is usable, 1 faults: .*000001.json"):
        open_dataset(tmp_path).read_all(skip_bad=True)


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    write_set(tmp_path, {1: GOOD, 2: GOOD})
    (tmp_path / "image" / "000002.jpg").unlink()

    with pytest.raises(DataError, match=r"1 in all.*000002.json: its picture 000002.jpg is missing"):
        open_dataset(tmp_path, tmp_path).read_all()


@pytest.mark.parametrize(
    ("part", "name", "words"),
    [
        ("annos", "1.json", "has the same image id 1 as"),
        ("image", "1.png", "has the same image id 1 as"),
        ("annos", "first.json", "its name must be a number"),
    ],
)
def test_files_whose_number_is_unclear_are_named(tmp_path: Path, part: str, name: str, words: str) -> None:
    write_set(tmp_path, {1: GOOD})
    (tmp_path / part / name).write_bytes(b"")

    with pytest.raises(DataError, match=words) as caught:
        open_dataset(tmp_path, tmp_path).read_all()

    assert name in str(caught.value)


def test_hidden_and_other_files_do_not_count(tmp_path: Path) -> None:
    write_set(tmp_path, {1: GOOD})
    for name in (".000002.json", "README.txt"):
        (tmp_path / "annos" / name).write_bytes(b"")

    assert open_dataset(tmp_path).read_all().faults == ()


@pytest.mark.parametrize("case", ["absent", "empty", "without annos", "without pictures"])
def test_what_is_no_data_set_is_refused(tmp_path: Path, case: str) -> None:
    folder = tmp_path / "set"
    if case != "absent":
        folder.mkdir()
    if case in {"without annos", "without pictures"}:
        write_set(folder, {1: GOOD})
        gone = folder / ("annos" if case == "without annos" else "image")
        for path in gone.iterdir():
            path.unlink()
        gone.rmdir()

    with pytest.raises(DataError, match=r"set (does not exist|holds no (annotation|picture))"):
        open_dataset(folder, folder)


@pytest.mark.parametrize("password", [None, b"a secret"])
def test_a_zip_gives_what_its_folder_gives(tmp_path: Path, password: bytes | None) -> None:
    folder = write_set(tmp_path / "set", {1: GOOD, 2: document(item(13))})
    packed = write_zip(tmp_path / "validation.zip", folder, "validation/", password)
    plain = open_dataset(folder, folder)

    dataset = open_dataset(packed, packed, password=password)

    assert dataset.ids == plain.ids
    assert dataset.picture(1)[0] == plain.picture(1)[0]
    for found, expected in zip(dataset.read_all().annotations, plain.read_all().annotations, strict=True):
        assert [one.landmarks.tolist() for one in found.items] == [one.landmarks.tolist() for one in expected.items]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "validation.zip"]  # nothing was unpacked


def test_an_encrypted_zip_without_the_password_is_one_error(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", dict.fromkeys(range(1, 4), GOOD))
    packed = write_zip(tmp_path / "set.zip", folder, "", b"right")

    with pytest.raises(DataError, match="is encrypted") as caught:
        open_dataset(packed)
    assert "--password-file" in str(caught.value.hint)
    with pytest.raises(DataError, match="the password does not open"):
        open_dataset(packed, password=b"wrong")


@pytest.mark.parametrize(("method", "words"), [(99, "is encrypted with AES"), (97, "is packed by method 97")])
def test_a_zip_that_python_cannot_read_says_so_and_how_to_go_on(tmp_path: Path, method: int, words: str) -> None:
    """Python reads the directory alone: there a zip of WinZip or 7-Zip has this method for each of its files."""
    packed = tmp_path / "set.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("validation/annos/000001.json", "{}")
        (info,) = archive.infolist()
        info.compress_type, info.flag_bits = method, int(method == 99)

    for password in (None, b"right"):
        with pytest.raises(DataError, match=words) as caught:
            open_dataset(packed, password=password)
        assert "7z x" in str(caught.value.hint)
        assert "damaged" not in str(caught.value)


def test_faults_in_a_zip_are_named_by_zip_and_file(tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "set.zip", write_set(tmp_path / "set", {1: BAD}), "train/", None)

    with pytest.raises(DataError, match=r"set\.zip/train/annos/000001\.json: item1\.bounding_box is empty"):
        open_dataset(packed).read_all()


def test_zips_that_are_none_or_hold_nothing_or_too_much_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none.zip").write_bytes(b"PK\x03\x04 and so on")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("train/annos/000001.json", "{}")
        archive.writestr("validation/annos/000001.json", "{}")

    for name, words in (("none", "is no zip"), ("other", "holds no folder annos/"), ("two", "holds 2 folders annos/")):
        with pytest.raises(DataError, match=words) as refusal:
            open_dataset(tmp_path / f"{name}.zip")
        assert refusal.value.hint, name


def _password_that_passes(path: Path, number: int) -> bytes:
    """A wrong password that the cipher's one byte of check lets through for a file of a zip."""
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[number]
        for one in range(10_000):
            with suppress(RuntimeError), archive.open(info, pwd=b"wrong %d" % one):
                return b"wrong %d" % one
    raise AssertionError


def test_a_wrong_password_that_passes_the_check_of_one_file_is_no_damage(tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "a.zip", write_set(tmp_path / "set", {1: GOOD, 2: document()}), "", b"right")
    with pytest.raises(DataError, match="the password does not open"):
        open_dataset(packed, password=_password_that_passes(packed, 0))

    packed = write_zip(tmp_path / "b.zip", write_set(tmp_path / "one", {1: GOOD}), "", b"right")
    labels = open_dataset(packed, password=_password_that_passes(packed, 0))
    with pytest.raises(DataError, match="is damaged, or the password is wrong"):
        labels.annotation(1)


def test_a_zip_of_a_windows_tool_has_backslashes(tmp_path: Path) -> None:
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("validation\\annos\\"), b"")
        archive.writestr(zipfile.ZipInfo("validation\\annos\\000001.json"), json.dumps(GOOD))

    assert len(open_dataset(packed).annotation(1).items) == 2


def test_a_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password.txt"
    file.write_bytes(b"word with space \r\nsecond line\n")
    assert read_password(file) == b"word with space "
    file.write_bytes(b"\xef\xbb\xbfsecret\r\n")
    assert read_password(file) == b"secret"
    file.write_bytes("secret".encode("utf-16"))
    with pytest.raises(DataError, match="is in UTF-16"):
        read_password(file)
    file.write_bytes(b"\n")
    with pytest.raises(DataError, match="is empty"):
        read_password(file)
    with pytest.raises(DataError, match="cannot read the password file"):
        read_password(tmp_path / "absent")


def test_reading_needs_no_torch() -> None:
    code = "import sys, deepmark.models.datasets.deepfashion2; print([n for n in ('torch', 'cv2') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
