"""What may be asked of a picture's looks, and what is refused with a way out."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from deepmark.errors import DataError, UsageError
from deepmark.runtime import KeypointSchema
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.multi_inference import PAPER_SCALES, SINGLE, MultiInference, listed_scales, parse_scales


def with_schema(manifest: Manifest, schema: KeypointSchema) -> Manifest:
    return msgspec.structs.replace(manifest, keypoints=schema, flip_pairs=schema.flip_pairs)


def test_scales_are_read_as_they_are_written() -> None:
    assert parse_scales(".85,.95,1,1.1") == PAPER_SCALES
    assert parse_scales(" 1 ") == (1.0,)


@pytest.mark.parametrize("text", ["abc", "", "1,,2", "1;2", "1,x"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--scales must be numbers with commas, found '") as refused:
        parse_scales(text)
    assert refused.value.hint == "for example --scales 0.85,0.95,1,1.1"


@pytest.mark.parametrize("scale", [0.0, 20.0, -1.0, 0.09, 4.01, float("nan"), float("inf")])
def test_a_scale_that_no_picture_can_have_is_refused(scale: float) -> None:
    with pytest.raises(UsageError, match=r"a scale of .+ is not possible, expected numbers from 0\.1 to 4"):
        MultiInference(scales=(1.0, scale))


@pytest.mark.parametrize("scales", [1.0, None, "1", ["a"], [1.0, None], [True], {"a": 1}, [[1.0, 0.85]]])
def test_what_is_no_sequence_of_numbers_is_refused_in_python(scales: object) -> None:
    with pytest.raises(UsageError, match="scales must be a sequence of numbers, found ") as refused:
        listed_scales(scales)
    assert refused.value.hint == "for example (0.85, 0.95, 1.0, 1.1)"


def test_numbers_of_numpy_and_of_other_sequences_are_scales() -> None:
    assert listed_scales(np.array([0.5, 1.0], np.float32)) == listed_scales([0.5, 1]) == (0.5, 1.0)


def test_other_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match="there are no scales"):
        MultiInference(scales=())
    with pytest.raises(UsageError, match="stands twice"):
        MultiInference(scales=(1.0, 0.5, 1.0))
    with pytest.raises(UsageError, match="'fix' or 'keep', found 'pad'"):
        MultiInference(scales_mode="pad")  # type: ignore[arg-type]  # on purpose


def test_options_that_were_not_given_leave_a_single_look() -> None:
    assert MultiInference.of_options(flip=False, scales=None, scales_mode=None) == SINGLE
    assert SINGLE.is_single
    assert not MultiInference(scales_mode="keep").is_single


def test_looks_in_words() -> None:
    assert SINGLE.describe() == "single"
    assert MultiInference(flip=True).describe() == "flip"
    assert MultiInference(True, (0.85, 1.0), "keep").describe() == "flip, scales 0.85, 1 (keep)"
    assert MultiInference(scales_mode="keep").describe() == "scales 1 (keep)"
    assert MultiInference(flip=True, fit="rect").describe() == "rect, flip"


def test_a_flip_without_pairs_is_refused_with_what_to_add(tiny_manifest: Manifest) -> None:
    MultiInference(flip=True).for_model(tiny_manifest)
    schema = tiny_manifest.keypoints
    alone = tuple(replace(one, mirror=tuple(range(len(one.groups)))) for one in schema.classes)
    pairless = with_schema(tiny_manifest, replace(schema, classes=alone))
    with pytest.raises(DataError, match="schema 'tiny' has 3 groups and no pair among them") as refused:
        MultiInference(flip=True).for_model(pairless)
    assert "swap_global_index" in str(refused.value.hint)
    SINGLE.for_model(pairless)


def test_inputs_of_many_sizes_are_refused_for_a_model_of_one(tiny_manifest: Manifest) -> None:
    fixed = msgspec.structs.replace(tiny_manifest, input=msgspec.structs.replace(tiny_manifest.input, dynamic=False))
    MultiInference(scales=PAPER_SCALES).for_model(fixed)
    with pytest.raises(UsageError, match="this model takes 64x96 only") as refused:
        MultiInference(scales_mode="keep").for_model(fixed)
    assert refused.value.hint == "--scales-mode fix, or export the model with --dynamic"


def test_inputs_of_many_shapes_are_refused_for_a_model_of_one(tiny_manifest: Manifest) -> None:
    fixed = msgspec.structs.replace(tiny_manifest, input=msgspec.structs.replace(tiny_manifest.input, dynamic=False))
    assert SINGLE.for_model(fixed) == MultiInference(fit="square")
    assert MultiInference(flip=True, fit="rect").for_model(tiny_manifest) == MultiInference(flip=True, fit="rect")
    with pytest.raises(UsageError, match="'rect' needs inputs of many shapes, but this model takes 64x96 only") as no:
        MultiInference(fit="rect").for_model(fixed)
    assert "--fit square, or export the model without --fixed" in str(no.value.hint)


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="the fit must be 'square' or 'rect', found 'centernet'"):
        MultiInference(fit="centernet")  # type: ignore[arg-type]
