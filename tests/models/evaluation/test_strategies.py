"""The table of strategies: which rows there are, what each adds, and that the last is the model as it is."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from coco_files import folder_of, objects
from outcome import Deepmark
from small_models import deepfashion2_bundle
from tiny import make_manifest

from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.models.evaluation.strategies import strategies_of
from deepmark.models.evaluation.strategy_times import TIMED_PICTURES, timed_pictures
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.head_names import OPTIONAL_HEADS, head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import HeadsSpec, Manifest
from deepmark.runtime.multi_inference import PAPER_SCALES, SINGLE, MultiInference

TECHNIQUES = {  # row -> the parameters that it has other than the row above it
    "+ suppression": {"nms"},
    "+ technique 1": {"alpha"},
    "+ technique 2": {"sigma_center", "sigma_keypoint"},
    "+ technique 3": {"gamma"},
    "+ technique 4": {"mask"},
}
NAMES = ["plain", *TECHNIQUES, "+ flip", "+ multi-scale"]


def manifest_of(
    params: DecoderParams, schema: KeypointSchema | None = None, optional: Collection[str] = OPTIONAL_HEADS
) -> Manifest:
    """A manifest with such heads."""
    schema = schema or KeypointSchema.deepfashion2()
    channels = head_channels(len(schema.classes), schema.num_groups, optional=optional)
    return msgspec.structs.replace(
        make_manifest(),
        keypoints=schema,
        flip_pairs=schema.flip_pairs,
        decoder=params,
        heads=HeadsSpec(layout="dense", activation="probabilities", stride=4, channels=channels),
    )


def test_each_row_adds_one_thing_and_decodes_with_the_models_parameters_in_the_end() -> None:
    params = DecoderParams(nms="soft", alpha=0.6, gamma=0.9, top_k=50)
    rows = strategies_of(manifest_of(params))

    assert [row.name for row in rows] == NAMES
    assert rows[0].decoder == replace(DecoderParams.baseline(), top_k=50)
    for before, after in pairwise(rows[:-2]):
        one, other = asdict(before.decoder), asdict(after.decoder)
        assert {name for name in one if one[name] != other[name]} == TECHNIQUES[after.name]
        assert after.inference == SINGLE
    assert [row.decoder for row in rows[-3:]] == [params] * 3
    assert rows[-2].inference == MultiInference(flip=True)
    assert rows[-1].inference == MultiInference(flip=True, scales=PAPER_SCALES)


def test_the_refiner_comes_last_and_moves_what_all_others_found() -> None:
    *rows, last = strategies_of(manifest_of(DecoderParams(nms="soft")), refined=True)

    assert [row.name for row in rows] == NAMES
    assert not any(row.refined for row in rows)
    assert last == replace(rows[-1], name="+ PoseFix", refined=True)


def test_all_rows_have_the_fit_that_is_asked_for() -> None:
    rows = strategies_of(manifest_of(DecoderParams(nms="soft")), refined=True, fit="rect")
    assert {row.inference.fit for row in rows} == {"rect"}


def test_a_technique_that_the_model_has_off_is_tried_with_the_papers_values() -> None:
    rows = strategies_of(manifest_of(replace(DecoderParams.baseline(), gamma=0.9)))

    assert rows[-1].decoder == replace(DecoderParams(), gamma=0.9)
    assert "+ suppression" not in [row.name for row in rows]  # the model suppresses nothing


@pytest.mark.parametrize("schema", [KeypointSchema.coco(), KeypointSchema.coco_person()])
def test_without_landmark_heatmaps_only_technique_2_has_a_meaning(schema: KeypointSchema) -> None:
    rows = strategies_of(manifest_of(DecoderParams(nms="soft"), schema, optional=("reg",)))

    assert [row.name for row in rows] == ["plain", "+ suppression", "+ technique 2", "+ flip", "+ multi-scale"]


def test_without_left_and_right_there_is_no_flip_test(caplog: pytest.LogCaptureFixture) -> None:
    person = KeypointSchema.coco_person()
    (one,) = person.classes
    blind = replace(person, classes=(replace(one, mirror=tuple(range(17))),))
    rows = strategies_of(manifest_of(DecoderParams(nms="soft"), blind))

    assert [row.name for row in rows] == [name for name in NAMES if name != "+ flip"]
    assert rows[-1].inference == MultiInference(scales=PAPER_SCALES)
    assert "no row for the flip test" in caplog.text


def test_pictures_to_time_with_are_taken_evenly() -> None:
    assert timed_pictures(range(4)) == (0, 1, 2, 3)
    assert timed_pictures(range(TIMED_PICTURES * 10)) == tuple(range(0, TIMED_PICTURES * 10, 10))


@pytest.mark.slow
def test_the_table_is_of_the_same_pictures_and_gains_are_between_neighbours(
    deepmark: Deepmark, demo_bundle: Path, tmp_path: Path
) -> None:
    drawings = tmp_path / "drawings"
    write_dataset(drawings, count=5, seed=1, size=128, workers=1)
    request = ("eval", demo_bundle, "--images", drawings, "--annotations", drawings, "--strategies", "--json")
    found = json.loads(deepmark(*request).out)

    rows = found["strategies"]
    assert [row["name"] for row in rows] == NAMES
    for kind, whole in (("points", "map_pt"), ("boxes", "map_box")):
        figures = [row[kind] for row in rows]
        assert figures[5]["average"] == found["accuracy"][whole]
        assert figures[0]["gain"] is figures[0]["over_plain"] is None
        for before, after in pairwise(figures):
            assert (after["gain"]["before"], after["gain"]["after"]) == (
                before["average"]["ap"],
                after["average"]["ap"],
            )
            assert after["over_plain"]["before"] == figures[0]["average"]["ap"]
            assert after["interval"][0] < after["interval"][1]
    assert rows[4]["boxes"]["gain"] == {
        "before": rows[3]["boxes"]["average"]["ap"],
        "after": rows[3]["boxes"]["average"]["ap"],
        "low": 0,
        "high": 0,
    }  # technique 3 moves landmarks alone
    flipped = deepmark(*request[:-2], "--flip", "--json")  # neither table nor scales
    assert rows[6]["points"]["average"] == json.loads(flipped.out)["accuracy"]["map_pt"]
    assert rows[7]["inference"]["scales"] == list(PAPER_SCALES)
    assert all(row["time_ms"] > 0 for row in rows)


def test_a_network_of_boxes_has_no_column_for_landmarks(deepmark: Deepmark, tmp_path: Path) -> None:
    bundle = deepfashion2_bundle(tmp_path / "model", KeypointSchema.coco())
    annotations, images = folder_of(objects(2, 3)[0], tmp_path, "instances.json")

    outcome = deepmark("eval", bundle, "--images", images, "--annotations", annotations, "--strategies")

    assert outcome.code == 0, outcome.err
    table = outcome.err[outcome.err.index("each row with all above it") :]
    assert "mAP_box" in table
    assert "mAP_pt" not in table
    assert "+ technique 2" in table
    assert "+ multi-scale" in table
    assert "+ technique 1" not in table
    assert "all over plain: mAP_box" in table


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.deepmark", "--images", "x", "--techniques", "1"], ["--strategies shows all techniques"]),
        (["model.deepmark", "--images", "x", "--flip"], ["--strategies shows all techniques, the flip test"]),
        (["--detections", "found.json"], ["--strategies has no meaning with --detections"]),
    ],
)
def test_what_contradicts_a_table_of_strategies_is_refused(
    deepmark: Deepmark, arguments: list[str], words: list[str]
) -> None:
    deepmark("eval", *arguments, "--annotations", "x", "--strategies").assert_refused(2, *words)
