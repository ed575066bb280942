"""Keypoint schemas: the built-in tables, and what no table may say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema

BUILTIN = [
    KeypointSchema.deepfashion2(62),
    KeypointSchema.deepfashion2(81),
    KeypointSchema.deepfashion2(294),
    KeypointSchema.coco_person(),
]
LANDMARKS = [25, 33, 31, 39, 15, 15, 10, 14, 8, 29, 37, 19, 19]  # of DeepFashion2's classes 1..13


# A class of three landmarks: two that mirror each other, and one in the middle.
SOCK = KeypointClass(
    name="sock",
    keypoint_names=("left", "right", "toe"),
    groups=(0, 1, 2),
    mirror=(1, 0, 2),
    sigmas=(0.1, 0.1, 0.2),
    outline=((0, 2, 1),),
)


@pytest.mark.parametrize(("groups", "pairs"), [(62, 28), (81, 37), (294, 131)])
def test_deepfashion2_has_13_classes_and_294_landmarks(groups: Literal[62, 81, 294], pairs: int) -> None:
    schema = KeypointSchema.deepfashion2(groups)

    assert schema.name == f"deepfashion2-{groups}"
    assert schema.num_landmarks == 294
    assert schema.num_groups == groups
    assert [len(one) for one in schema.groups] == LANDMARKS
    assert schema.class_names[0] == "short sleeve top"
    assert schema.class_names[12] == "sling dress"
    assert len(schema.flip_pairs) == pairs


def test_the_ungrouped_table_gives_each_landmark_its_own_channel_in_order() -> None:
    schema = KeypointSchema.deepfashion2(294)

    assert [group for groups in schema.groups for group in groups] == list(range(294))


def test_grouping_gives_the_same_landmark_of_two_classes_one_channel() -> None:
    schema = KeypointSchema.deepfashion2(62)
    top, dress = schema.classes[0], schema.classes[9]  # short sleeve top, short sleeve dress
    channel = {one.name: dict(zip(one.keypoint_names, one.groups, strict=True)) for one in (top, dress)}

    assert channel[top.name]["left_shoulder"] == channel[dress.name]["left_shoulder"]


def test_coco_person_has_its_17_official_sigmas() -> None:
    schema = KeypointSchema.coco_person()
    official = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]

    assert schema.class_names == ("person",)
    assert schema.groups == (tuple(range(17)),)
    assert schema.classes[0].sigmas == tuple(sigma / 1000 for sigma in official)
    assert schema.flip_pairs == tuple((left, left + 1) for left in range(1, 17, 2))


@pytest.mark.parametrize("schema", BUILTIN, ids=[schema.name for schema in BUILTIN])
def test_every_builtin_table_is_consistent(schema: KeypointSchema) -> None:
    for one in schema.classes:
        assert len(set(one.groups)) == len(one.groups)
        assert [one.mirror[other] for other in one.mirror] == list(range(len(one.groups)))
        assert one.outline
        assert {position for line in one.outline for position in line} <= set(range(len(one.groups)))
    mirrored = schema.mirror_groups
    assert [mirrored[other] for other in mirrored] == list(range(schema.num_groups))
    assert all(low < high and mirrored[low] == high for low, high in schema.flip_pairs)


@pytest.mark.parametrize("schema", BUILTIN, ids=[schema.name for schema in BUILTIN])
def test_left_and_right_of_a_pair_are_named_so(schema: KeypointSchema) -> None:
    for one in schema.classes:
        for position, partner in enumerate(one.mirror):
            names = one.keypoint_names[position], one.keypoint_names[partner]
            assert len({name.replace("left", "*").replace("right", "*") for name in names}) == 1, names


@pytest.mark.parametrize(
    ("classes", "groups", "name"),
    [
        (13, 62, "deepfashion2-62"),
        (13, 81, "deepfashion2-81"),
        (13, 294, "deepfashion2-294"),
        (1, 17, "coco-person-17"),
        (80, 0, "coco-80"),
    ],
)
def test_a_checkpoint_s_counts_lead_to_the_builtin_table(classes: int, groups: int, name: str) -> None:
    schema = KeypointSchema.builtin(classes, groups)

    assert schema is not None
    assert schema.name == name


@given(classes=st.integers(0, 20), groups=st.integers(0, 320))
def test_other_counts_lead_to_no_table(classes: int, groups: int) -> None:
    known = {(13, 62), (13, 81), (13, 294), (1, 17)}

    assert (KeypointSchema.builtin(classes, groups) is None) == ((classes, groups) not in known)


def test_an_unknown_number_of_groups_is_refused() -> None:
    with pytest.raises(DataError, match="no built-in table of 63 groups"):
        KeypointSchema.deepfashion2(63)  # type: ignore[arg-type]  # on purpose


def test_schemas_are_values() -> None:
    schema = KeypointSchema("socks", (SOCK,), ("left", "right", "toe"))

    assert schema == KeypointSchema("socks", (SOCK,), ("left", "right", "toe"))
    assert len({schema, KeypointSchema("socks", (SOCK,), ("left", "right", "toe"))}) == 1
    with pytest.raises(FrozenInstanceError):
        schema.name = "hats"  # type: ignore[misc]  # on purpose


BAD_CLASSES = [
    (replace(SOCK, keypoint_names=("left", "right")), "has 3 groups but 2 keypoint_names"),
    (replace(SOCK, mirror=(1, 0)), "has 3 groups but 2 mirror"),
    (replace(SOCK, sigmas=(0.1,)), "has 3 groups but 1 sigmas"),
    (
        replace(SOCK, keypoint_names=(), groups=(), mirror=(), sigmas=(), outline=()),
        "has no landmarks, but other classes have",
    ),
    (replace(SOCK, groups=(0, 1, 1)), "has a group twice"),
    (replace(SOCK, groups=(0, 1, 3)), r"names a group outside 0\.\.2"),
    (replace(SOCK, groups=(-1, 1, 2)), r"names a group outside 0\.\.2"),
    (replace(SOCK, mirror=(1, 2, 0)), "mirror must exchange its 3 landmarks in pairs"),
    (replace(SOCK, mirror=(0, 0, 2)), "mirror must exchange its 3 landmarks in pairs"),
    (replace(SOCK, mirror=(1, 0, 5)), "mirror must exchange its 3 landmarks in pairs"),
    (replace(SOCK, sigmas=(0.1, 0.0, 0.2)), "sigma that is not above 0"),
    (replace(SOCK, sigmas=(0.1, float("nan"), 0.2)), "sigma that is not above 0"),
    (replace(SOCK, sigmas=(0.1, float("inf"), 0.2)), "sigma that is not above 0"),
    (replace(SOCK, outline=((0, 3),)), r"outline names a landmark outside 0\.\.2"),
]


@pytest.mark.parametrize(("bad", "words"), BAD_CLASSES)
def test_a_class_that_no_network_can_have_is_refused(bad: KeypointClass, words: str) -> None:
    with pytest.raises(DataError, match=f"class 'sock'.*{words}"):
        KeypointSchema("socks", (bad,), ("left", "right", "toe"))


def test_the_classes_of_coco_stand_in_the_order_of_their_category_numbers() -> None:
    schema = KeypointSchema.coco()

    assert len(set(schema.class_names)) == 80
    names = {12: "parking meter", 13: "bench", 24: "backpack", 61: "toilet", 79: "toothbrush"}  # beside the gaps
    assert {index: schema.class_names[index] for index in names} == names
    assert schema.boxes_only
    assert (schema.num_groups, schema.num_landmarks, schema.flip_pairs, schema.groups) == (0, 0, (), ((),) * 80)


def test_a_schema_without_classes_is_refused() -> None:
    with pytest.raises(DataError, match="has no classes"):
        KeypointSchema("nothing", (), ())


def test_a_group_that_no_class_has_is_refused() -> None:
    with pytest.raises(DataError, match="no class has a landmark in group 3"):
        KeypointSchema("socks", (SOCK,), ("left", "right", "toe", "heel"))


def test_the_mirror_of_a_group_must_be_one_group_in_all_classes() -> None:
    other = replace(SOCK, name="glove", mirror=(0, 1, 2))

    with pytest.raises(DataError, match="mirror of group 0 is group 1 in one class and group 0 in class 'glove'"):
        KeypointSchema("both", (SOCK, other), ("left", "right", "toe"))


def test_the_schema_imports_neither_torch_nor_onnx() -> None:
    program = (
        "import sys\n"
        "from deepmark.runtime.keypoints.schema import KeypointSchema\n"
        "KeypointSchema.deepfashion2()\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'numpy', 'cv2', 'MNN'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
