"""One annotation file: what is right is read, what is wrong is named by file and field."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from deepfashion2_files import SCHEMA, document, item

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import Annotation, read_annotation
from deepmark.models.datasets.deepfashion2.annotation import CONVERTER_NAMES
from deepmark.models.datasets.drawings import annotation as drawn
from deepmark.models.datasets.drawings import sketch
from deepmark.runtime.media.picture_size import PictureSize

SIZE = PictureSize(height=80, width=80)


def read(content: object, size: PictureSize | None = SIZE) -> Annotation:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_annotation(raw, image_id=3, source="annos/000003.json", schema=SCHEMA, size=size)


@pytest.mark.parametrize("category_id", range(1, 14))
def test_every_class_is_read_with_all_its_landmarks(category_id: int) -> None:
    (found,) = read(document(item(category_id))).items

    assert found.category_id == category_id
    assert found.landmarks.shape == (len(SCHEMA.classes[category_id - 1].groups), 3)
    assert found.box == (20.0, 20.0, 60.0, 60.0)
    assert (found.scale, found.occlusion, found.zoom_in, found.viewpoint, found.style) == (2, 1, 1, 2, 0)


def test_what_the_drawings_write_is_read_back_exactly() -> None:
    for index in range(30):
        _, items = sketch(11, index, 256)
        found = read(drawn.document(items, pair_id=5, shop=True), PictureSize(256, 256))
        assert (found.image_id, found.source, found.pair_id) == (3, "shop", 5)
        assert len(found.items) == len(items)
        for one, expected in zip(found.items, items, strict=True):
            np.testing.assert_array_equal(one.landmarks, expected.landmarks)
            assert one.box == expected.bounding_box
            for name in ("category_id", "scale", "occlusion", "zoom_in", "viewpoint"):
                assert getattr(one, name) == getattr(expected, name)


def test_items_come_in_the_files_order_as_in_the_official_conversion() -> None:
    numbers = (12, 2, 1, 10)

    found = read({"item7": item(5), "source": "user", **{f"item{one}": item(one) for one in numbers}, "pair_id": 1})

    assert [one.category_id for one in found.items] == [5, *numbers]


def test_a_style_that_nobody_knows_is_none() -> None:
    assert read(document(item(style=None))).items[0].style == 0


def test_a_byte_order_mark_is_no_fault() -> None:
    assert len(read(b"\xef\xbb\xbf" + json.dumps(document(item())).encode()).items) == 1


def test_the_official_converters_names_are_taken_too() -> None:
    assert set(CONVERTER_NAMES) <= set(SCHEMA.class_names)
    for category_id, name in enumerate(SCHEMA.class_names, 1):
        read(document(item(category_id, category_name=CONVERTER_NAMES.get(name, name))))


def test_a_picture_without_garments_is_no_error() -> None:
    assert read(document()).items == ()


def with_landmark(position: int, value: float) -> dict[str, Any]:
    changed = item()
    changed["landmarks"][position] = value
    return document(changed)


def without(field: str) -> dict[str, Any]:
    changed = item()
    del changed[field]
    return document(changed)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (document(item(category_id=1, landmarks=[1, 1, 2] * 24)), ["item1.landmarks", "75", "72", "short sleeve top"]),
        (document(item(), item(landmarks=[1, 1])), ["item2.landmarks", "found 2"]),
        (document(item(1, category_id=0)), ["item1.category_id", "1-13", "found 0"]),
        (document(item(1, category_id=14)), ["item1.category_id", "1-13", "found 14"]),
        (document(item(1, category_id=8)), ["item1.category_name", "'trousers'", "'short sleeve top'"]),
        (document(item(1, category_id="1")), ["item1.category_id", "expected `int`"]),
        (with_landmark(5, 3), ["item1.landmarks[5]", "landmark 2", "0, 1 or 2", "found 3"]),
        (with_landmark(2, 0.5), ["item1.landmarks[2]", "found 0.5"]),
        (with_landmark(4, math.nan), ["item1.landmarks[4]", "finite", "nan"]),
        (document(item(bounding_box=[20, math.inf, 60, 60])), ["item1.bounding_box[1]", "inf"]),
        (document(item(bounding_box=[20, 20, 20, 60])), ["item1.bounding_box is empty", "20, 20, 20, 60"]),
        (document(item(bounding_box=[60, 60, 20, 20])), ["item1.bounding_box is empty"]),
        (document(item(bounding_box=[90, 20, 99, 60])), ["item1.bounding_box lies outside", "80x80"]),
        (document(item(bounding_box=[20, 20, 60, 120])), ["item1.bounding_box lies outside", "20, 20, 60, 120"]),
        (document(item(bounding_box=[-9, 20, 60, 60])), ["item1.bounding_box lies outside"]),
        (document(item(bounding_box=[20, 20, 60])), ["item1.bounding_box", "length 4"]),
        (document(item(occlusion=4)), ["item1.occlusion", "4"]),
        (without("viewpoint"), ["item1.viewpoint is missing"]),
        (document(source="web"), ["source", "'web'"]),
        ({"item1": item()}, ["source is missing"]),
        (document(item(), pair_id=None), ["pair_id", "expected `int`"]),
        ([item()], ["expected `object`, got `array`"]),
        (b"", ["is not JSON"]),
        (b"{", ["is not JSON"]),
        (b"\xff\xd8\xff\xe0", ["is not JSON"]),
        (b'{"item1": ' * 100_000, ["is not JSON"]),
        (b'{"source": "user", "pair_id": 1, "item1": 5}', ["item1", "expected `object`"]),
        (b'{"source": "user", "pair_id": 1, "item1": {}, "item1": {}}', ["item1 stands there twice"]),
    ],
)
def test_what_is_wrong_is_named_by_file_and_field(content: object, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read(content)

    for word in ["annos/000003.json: ", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["Item1", "item_1", "item 1", "item1a", "item\u0661", "garments"])
def test_a_garment_under_another_name_is_not_left_out(name: str) -> None:
    for value in (item(), [item()]):
        content = {"source": "shop", "pair_id": 1, name: value}
        with pytest.raises(DataError, match="holds a garment: expected a name such as item1"):
            read(content)


def test_what_holds_no_garment_may_have_any_name() -> None:
    assert read({**document(item()), "item_count": 1, "Item1_comment": {"by": "me"}}).items


def test_a_box_may_reach_a_little_beyond_its_picture() -> None:
    assert read(document(item(bounding_box=[-1, 20, 81, 60]))).items[0].box == (-1, 20, 81, 60)


def test_without_a_picture_only_what_is_outside_of_every_picture_is_refused() -> None:
    read(document(item(bounding_box=[20, 20, 60, 9999])), size=None)
    with pytest.raises(DataError, match="outside"):
        read(document(item(bounding_box=[-20, 20, -10, 60])), size=None)
