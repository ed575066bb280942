"""The official converter's COCO file: read as the folder that it was made from, what is wrong named by field."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deepfashion2_files import SCHEMA, coco_document, document, item, write_set

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import Annotation, Labels, open_dataset
from deepmark.models.datasets.deepfashion2.annotation import ATTRIBUTES
from deepmark.models.datasets.drawings import annotation as drawn
from deepmark.models.datasets.drawings import sketch

Document = dict[str, Any]
DOCUMENTS = {1: document(item(1), item(8, flag=1)), 2: document(), 7: document(item(13, flag=0))}


def write(folder: Path, content: object) -> Path:
    path = folder / "val-coco_style.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def read(path: Path, images: Path | None = None, *, skip_bad: bool = False) -> Labels:
    return open_dataset(path, images).read_all(skip_bad=skip_bad)


def assert_equal(found: Annotation, expected: Annotation) -> None:
    assert found.image_id == expected.image_id
    assert len(found.items) == len(expected.items)
    for one, other in zip(found.items, expected.items, strict=True):
        assert (one.category_id, one.style) == (other.category_id, other.style)
        assert one.box == pytest.approx(other.box, rel=1e-12)
        np.testing.assert_array_equal(one.landmarks, other.landmarks)
        assert [getattr(one, name) for name in ATTRIBUTES] == [0] * 4


def test_it_is_read_as_the_folder_that_it_was_made_from(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", DOCUMENTS)
    path = write(tmp_path, coco_document(DOCUMENTS))

    dataset, expected = open_dataset(path, folder), open_dataset(folder, folder)

    assert dataset.ids == expected.ids == (1, 2, 7)
    assert (dataset.has_attributes, expected.has_attributes) == (False, True)
    for found, other in zip(dataset.read_all().annotations, expected.read_all().annotations, strict=True):
        assert_equal(found, other)
    assert dataset.annotation(1).pair_id == 7
    assert dataset.picture(7) == expected.picture(7)


def test_drawings_of_all_classes_are_read_alike(tmp_path: Path) -> None:
    documents = {n: drawn.document(sketch(8, n, 256)[1], pair_id=n, shop=False) for n in range(1, 61)}
    folder = write_set(tmp_path / "set", documents, side=256)

    found = read(write(tmp_path, coco_document(documents, side=256)))

    for one, other in zip(found.annotations, open_dataset(folder).read_all().annotations, strict=True):
        assert_equal(one, other)
    assert {one.category_id for annotation in found.annotations for one in annotation.items} == set(range(1, 14))


@pytest.mark.parametrize("spell", [str, str.title, lambda name: name.replace(" ", "_"), lambda name: f"{name} "])
def test_both_namings_of_the_classes_are_taken_however_they_are_spelt(
    tmp_path: Path, spell: Callable[[str], str]
) -> None:
    content = coco_document(DOCUMENTS)
    for category, name in zip(content["categories"], SCHEMA.class_names, strict=True):
        category["name"] = spell(name)

    assert len(read(write(tmp_path, content)).annotations) == 3


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", DOCUMENTS)
    (folder / "image" / "000007.jpg").unlink()
    path = write(tmp_path, coco_document(DOCUMENTS))

    with pytest.raises(DataError, match=r"image 7: its picture 000007\.jpg is missing"):
        read(path, folder)
    assert [one.image_id for one in read(path, folder, skip_bad=True).annotations] == [1, 2]


def test_the_picture_and_not_the_file_says_how_large_it_is(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", DOCUMENTS, side=40)
    path = write(tmp_path, coco_document(DOCUMENTS))

    assert len(read(path).annotations) == 3
    with pytest.raises(DataError, match=r"bbox lies outside the picture of 40x40"):
        read(path, folder)


def change(part: str, at: int, **fields: object) -> Callable[[Document], None]:
    def apply(content: Document) -> None:
        content[part][at].update(fields)

    return apply


def drop(part: str, at: int, field: str) -> Callable[[Document], None]:
    def apply(content: Document) -> None:
        del content[part][at][field]

    return apply


def with_keypoint(at: int, value: float) -> Callable[[Document], None]:
    def apply(content: Document) -> None:
        content["annotations"][0]["keypoints"][at] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change("annotations", 0, category_id=0), ["annotations[0].category_id must be 1-13, found 0"]),
        (change("annotations", 0, category_id=14), ["annotations[0].category_id must be 1-13, found 14"]),
        (change("annotations", 0, category_id="1"), ["annotations[0].category_id", "expected `int`"]),
        (change("annotations", 0, category_id=2), ["annotations[0].keypoints[0] must be 0", "26-58 of 294"]),
        (change("annotations", 1, keypoints=[0] * 51), ["annotations[1].keypoints must hold 882", "found 51"]),
        (with_keypoint(75, 3.5), ["annotations[0].keypoints[75] must be 0", "short sleeve top", "3.5 of landmark 26"]),
        (with_keypoint(2, 3), ["annotations[0].keypoints[2], v of landmark 1, must be 0, 1 or 2, found 3"]),
        (with_keypoint(2, 0), ["annotations[0].num_keypoints", "24, found 25"]),
        (change("annotations", 0, num_keypoints=3), ["annotations[0].num_keypoints", "25, found 3"]),
        (change("annotations", 0, bbox=[20, 20, 0, 40]), ["annotations[0].bbox is empty", "20, 20, 0, 40"]),
        (change("annotations", 0, bbox=[20, 20, 40]), ["annotations[0].bbox", "length 4"]),
        (change("annotations", 0, bbox=[90, 20, 9, 40]), ["annotations[0].bbox lies outside", "80x80"]),
        (change("annotations", 0, area=1234), ["annotations[0].area must be width times height", "1600, found 1234"]),
        (change("annotations", 0, iscrowd=1), ["annotations[0].iscrowd must be 0"]),
        (change("annotations", 1, id=1), ["annotations[1].id is 1, as that of an annotation before it"]),
        (change("annotations", 1, image_id=3), ["annotations[1].image_id 3 is not among the images"]),
        (drop("annotations", 0, "bbox"), ["annotations[0].bbox is missing"]),
        (drop("annotations", 0, "image_id"), ["annotations[0].image_id is missing"]),
        (change("images", 1, id=1, file_name="000001.jpg"), ["images[1].id is 1, as that of an image before it"]),
        (change("images", 1, file_name=""), ["images[1].file_name must be the name of a picture"]),
        (change("images", 1, file_name=2), ["images[1].file_name", "expected `str"]),
        (change("images", 1, id=-1), ["images[1].id", ">= 0"]),
        (drop("images", 0, "id"), ["images[0].id is missing"]),
    ],
)
def test_what_is_wrong_is_named_by_field_and_counted(
    tmp_path: Path, spoil: Callable[[Document], None], words: list[str]
) -> None:
    content = coco_document(DOCUMENTS)
    spoil(content)
    path = write(tmp_path, content)

    with pytest.raises(DataError, match="has faults") as caught:
        read(path)

    for word in [str(path), *words]:
        assert word in str(caught.value)
    labels = read(path, skip_bad=True)
    assert labels.faults
    assert 0 < len(labels.annotations) <= 3


def test_a_picture_with_something_wrong_is_left_out_whole(tmp_path: Path) -> None:
    content = coco_document({1: document(item(1), item(2)), 2: document(item(3))})
    content["annotations"][1]["id"] = 3
    content["annotations"][2]["id"] = 3

    labels = read(write(tmp_path, content), skip_bad=True)

    assert [one.image_id for one in labels.annotations] == [1]
    assert len(labels.annotations[0].items) == 2
    assert len(labels.faults) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is not JSON"]),
        (b"{", ["is not JSON"]),
        (b"\xff\xfe", ["is not JSON"]),
        ([], ["expected `object`, got `array`", "official converter"]),
        ({"images": []}, ["annotations is missing"]),
        ({"images": {}, "annotations": [], "categories": []}, ["images: expected `array`"]),
        ({"images": [], "annotations": [], "categories": []}, ["categories is empty"]),
        (coco_document({1: document(item(landmarks=[math.nan, 1, 2]))}), ["annotations[0].keypoints[0]", "nan"]),
        (coco_document({}), ["holds no annotation", "images is empty"]),
        (coco_document({}) | {"images": [{"id": "1"}]}, ["no annotation is usable", "images[0].id: expected `int`"]),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: object, words: list[str]) -> None:
    path = write(tmp_path, content)

    with pytest.raises(DataError) as caught:
        read(path)

    for word in [str(path), *words]:
        assert word in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        ([{"id": 1, "name": "person"}], r"categories\[0\].name must be 'short sleeve top' for id 1, found 'person'"),
        ([{"id": 1, "name": "skirt"}], "'short sleeve top' for id 1, found 'skirt', whose id is 9"),
        ([{"id": 5, "name": "vest"}, {"id": 5, "name": "vest"}], r"categories\[1\].id is 5"),
        ([{"name": "vest"}], r"categories\[0\].id is missing"),
        ([*coco_document({})["categories"], {"id": 14, "name": "hat"}], "must be 1-13, found 14 for 'hat'"),
        (coco_document({})["categories"][:12], r"annotations\[2\].category_id 13 is not among the categories"),
    ],
)
def test_other_classes_are_refused(tmp_path: Path, categories: list[object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(write(tmp_path, coco_document(DOCUMENTS) | {"categories": categories}))


def test_some_of_the_classes_are_enough(tmp_path: Path) -> None:
    content = coco_document(DOCUMENTS)
    content["categories"] = [content["categories"][at] for at in (12, 0, 7)]

    assert [len(one.items) for one in read(write(tmp_path, content)).annotations] == [2, 0, 1]


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        ((0, 1, 2), ("000001.jpg", "000002.jpg", "000007.jpg")),
        ((101, 0, 2**40), ("image\\000001.jpg", "D:\\set\\image\\000002.jpg", "val/image/000007.jpg")),
        ((7, 2, 1), ("1.png", "0002.jpg", "000007.JPG")),
    ],
)
def test_pictures_are_found_by_their_names_and_not_by_their_numbers(
    tmp_path: Path, ids: tuple[int, ...], names: tuple[str, ...]
) -> None:
    folder = write_set(tmp_path / "set", DOCUMENTS)
    for number in DOCUMENTS:
        picture = folder / "image" / f"{number:06d}.jpg"
        picture.write_bytes(picture.read_bytes() + bytes([number]))  # behind the picture's end
    content = coco_document(DOCUMENTS)
    new = dict(zip(DOCUMENTS, ids, strict=True))
    for image, name in zip(content["images"], names, strict=True):
        image.update(id=new[image["id"]], file_name=name)
    for entry in content["annotations"]:
        entry["image_id"] = new[entry["image_id"]]

    dataset = open_dataset(write(tmp_path, content), folder)

    assert dataset.ids == tuple(sorted(ids))
    assert [len(dataset.annotation(new[number]).items) for number in (1, 2, 7)] == [2, 0, 1]
    assert [dataset.picture(new[number])[0][-1] for number in (1, 2, 7)] == [1, 2, 7]
    assert f"image {min(ids)} is" in dataset.note
    assert open_dataset(write(tmp_path, coco_document(DOCUMENTS)), folder).note == ""


def test_pictures_may_have_any_names(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", DOCUMENTS)
    names = {1: "red dress.jpg", 2: "a.b.jpg", 7: "7a.jpg"}
    content = coco_document(DOCUMENTS)
    for image in content["images"]:
        (folder / "image" / f"{image['id']:06d}.jpg").rename(folder / "image" / names[image["id"]])
        image["file_name"] = names[image["id"]]
    dataset = open_dataset(write(tmp_path, content), folder)

    assert [dataset.picture_name(number) for number in dataset.ids] == list(names.values())
    assert len(dataset.read_all().annotations) == 3


def test_one_picture_of_two_images_is_a_fault(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", DOCUMENTS)
    content = coco_document(DOCUMENTS)
    content["images"][1]["file_name"] = "shop/000001.jpg"
    path = write(tmp_path, content)

    with pytest.raises(DataError, match=r"image 2: its picture 000001\.jpg is that of image 1 too"):
        read(path, folder)
    assert len(read(path).annotations) == 3


def test_what_is_not_known_may_be_null_and_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    content = coco_document(DOCUMENTS)
    for entry in content["annotations"]:
        entry.update(style=None, pair_id=None)

    labels = read(write(tmp_path, b"\xef\xbb\xbf" + json.dumps(content).encode()))

    assert {(item.style, one.pair_id) for one in labels.annotations for item in one.items} == {(0, None)}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*absent.json: No such file"):
        open_dataset(tmp_path / "absent.json")
