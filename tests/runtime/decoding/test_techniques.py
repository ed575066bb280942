"""The parameters that a network begins with: the paper's for what it finds, and nothing that it has no use for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import default_params
from deepmark.runtime.keypoints.head_names import HEAD_ORDER
from deepmark.runtime.keypoints.schema import KeypointSchema

ALL = HEAD_ORDER
PERSON = KeypointSchema.coco_person()
PLAIN = replace(DecoderParams.baseline(), nms="soft")


@pytest.mark.parametrize(
    ("schema", "heads", "expected"),
    [
        (KeypointSchema.deepfashion2(), ALL, DecoderParams(nms="soft")),
        (PERSON, ALL, DecoderParams(alpha=0.75, sigma_center=0.25, sigma_keypoint=0.65, gamma=0.8, nms="soft")),
        (replace(PERSON, name="animals"), ALL, DecoderParams(nms="soft")),
        (PERSON, ("hm", "wh", "hps", "reg"), replace(PLAIN, sigma_center=0.25)),
        (KeypointSchema.deepfashion2(), ("hm", "wh", "hps"), replace(PLAIN, sigma_center=0.45)),
        (KeypointSchema.coco(), ("hm", "wh", "reg"), PLAIN),
    ],
    ids=["garments", "persons", "17 points of something else", "persons without a heatmap", "no heatmap", "boxes"],
)
def test_defaults(schema: KeypointSchema, heads: tuple[str, ...], expected: DecoderParams) -> None:
    assert default_params(schema, heads) == expected


def test_a_checkpoint_of_17_points_and_one_class_is_of_persons() -> None:
    schema = KeypointSchema.builtin(1, 17)
    assert schema == PERSON
    assert len(schema.classes[0].outline) > 10  # the skeleton that it is drawn with
