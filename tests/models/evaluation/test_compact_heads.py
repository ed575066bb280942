"""Compact heads decode to the same detections as whole ones, bit for bit, whatever the parameters."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import read_image

from deepmark.errors import DataError
from deepmark.models.evaluation.centre_bounds import find_centre_bounds
from deepmark.models.evaluation.compact_heads import CompactHeads, Reach
from deepmark.models.evaluation.picture_heads import CompactLook, PictureHeads, encode
from deepmark.models.evaluation.picture_heads import decode as decode_bytes
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.padded import PaddedMaps
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.peaks import find_centres
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import InputSpec
from deepmark.runtime.multi_inference import SINGLE
from deepmark.runtime.transform import Letterbox

SCHEMA = KeypointSchema.deepfashion2()
REACH = Reach(top_k=20)

params = st.builds(
    DecoderParams,
    alpha=st.sampled_from([0.0, 0.4, 1.0]),
    sigma_center=st.one_of(st.just(0.0), st.floats(0.01, 1), st.floats(1, 50)),
    sigma_keypoint=st.one_of(st.just(0.0), st.floats(0.01, 1), st.floats(1, 50)),
    gamma=st.sampled_from([0.0, 0.75, 1.0]),
    mask=st.booleans(),
    top_k=st.integers(1, REACH.top_k),
    keypoint_threshold=st.sampled_from([0.1, 0.3, 0.7]),
    score_threshold=st.sampled_from([0.0, 0.2]),
    border=st.sampled_from(["zero", "replicate"]),
    threshold_on=st.sampled_from(["rescored", "raw"]),
    unrefined=st.sampled_from(["zero", "skip"]),
)


def random_heads(
    seed: int, height: int, width: int, *, levels: int = 0, peaks: int = 40, optional: bool = True
) -> Heads:
    """Heatmaps of bumps over a floor of noise; with ``levels``, so few values that there are plateaus and ties."""
    rng = np.random.default_rng(seed)

    def bumps(channels: int, floor: float) -> np.ndarray:
        y, x = np.mgrid[:height, :width]
        maps = rng.random((channels, height, width)) ** 4 * floor
        for _ in range(peaks):
            at = rng.integers(channels), rng.uniform(0, height), rng.uniform(0, width)
            bump = rng.random() * np.exp(-((y - at[1]) ** 2 + (x - at[2]) ** 2) / (2 * rng.uniform(0.3, 2) ** 2))
            maps[at[0]] = np.maximum(maps[at[0]], bump)
        if levels:
            maps = np.round(maps * levels) / levels
        return maps.astype(np.float32)

    def cells(channels: int, size: float) -> np.ndarray:
        return rng.normal(0, size, (channels, height, width)).astype(np.float32)

    return Heads(
        hm=bumps(13, 0.1),
        wh=np.abs(cells(2, 8)),
        hps=cells(2 * SCHEMA.num_groups, 3),
        reg=cells(2, 0.3) if optional else None,
        hm_hp=bumps(SCHEMA.num_groups, 0.3) if optional else None,
        hp_offset=cells(2, 0.3) if optional else None,
    )


def assert_same(found: Detections, expected: Detections) -> None:
    """Every number, bit for bit."""
    for field in fields(Detections):
        one, two = getattr(found, field.name), getattr(expected, field.name)
        assert len(one) == len(two), field.name
        for left, right in zip(one, two, strict=True):
            np.testing.assert_array_equal(left, right, err_msg=field.name)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(16, 16), (8, 24), (3, 4), (1, 1)]),
    st.sampled_from([0, 3, 12]),
    st.sampled_from([0, 15, 150]),
    st.booleans(),
    params,
)
def test_restored_heads_decode_to_the_same_detections(
    seed: int, size: tuple[int, int], levels: int, peaks: int, optional: bool, chosen: DecoderParams
) -> None:
    heads = random_heads(seed, *size, levels=levels, peaks=peaks, optional=optional)

    restored = CompactHeads.of(heads, SCHEMA, REACH).restore()

    assert_same(decode(restored, SCHEMA, chosen), decode(heads, SCHEMA, chosen))


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 3), st.sampled_from(["zero", "replicate"]), st.sampled_from([0, 20]))
def test_no_centre_is_below_the_floor_or_unforeseen(seed: int, sigma: float, border: str, levels: int) -> None:
    hm = random_heads(seed, 24, 24, levels=levels, peaks=100).hm

    bounds = find_centre_bounds(hm, 30)
    centres = find_centres(PaddedMaps.blurred(hm, sigma, "zero" if border == "zero" else "replicate"), 30)

    assert (centres.scores > bounds.floor).all()
    assert set(centres.class_ids * 24 * 24 + centres.cells) <= set(bounds.possible.tolist())


def test_bounds_leave_most_cells_out() -> None:
    hm = random_heads(1, 64, 64, peaks=400).hm

    bounds = find_centre_bounds(hm, 100)

    assert bounds.floor > 0.05
    assert len(bounds.possible) < 600  # of 53,248


def test_values_slightly_below_zero_change_nothing() -> None:
    heads = random_heads(3, 16, 16)
    noisy = replace(heads, hm=heads.hm - np.float32(5e-4), hm_hp=None)

    restored = CompactHeads.of(noisy, SCHEMA).restore()

    for sigma in (0, 0.4, 5):
        chosen = DecoderParams(sigma_center=sigma)
        assert_same(decode(restored, SCHEMA, chosen), decode(noisy, SCHEMA, chosen))


@pytest.mark.parametrize(("head", "words"), [("hm", "probabilities"), ("hm_hp", "probabilities")])
def test_heads_that_no_network_gives_are_refused_at_once(head: str, words: str) -> None:
    heads = random_heads(0, 8, 8)
    broken = getattr(heads, head).copy()
    broken[0, 0, 0] = np.nan

    with pytest.raises(DataError, match=words):
        CompactHeads.of(replace(heads, **{head: broken}), SCHEMA)


def test_heads_of_another_schema_are_refused() -> None:
    with pytest.raises(DataError, match="62"):
        CompactHeads.of(random_heads(0, 8, 8), KeypointSchema.deepfashion2(81))


SPEC = InputSpec(height=64, width=96, multiple=32, dynamic=True)


def picture(image_id: int, size: tuple[int, int], heads: CompactHeads) -> PictureHeads:
    """Heads of a picture that was looked at once."""
    return PictureHeads(image_id, size, (CompactLook(heads, Letterbox.fit(size, (SPEC.height, SPEC.width))),))


@pytest.mark.parametrize("optional", [True, False])
def test_bytes_hold_everything(optional: bool) -> None:
    heads = random_heads(5, 16, 24, optional=optional)
    pictures = [picture(n, (70, 100 + n), CompactHeads.of(heads, SCHEMA)) for n in (1, 2)]

    again = decode_bytes(encode(pictures), SCHEMA, Reach(), SPEC, SINGLE)

    assert [(one.image_id, one.size) for one in again] == [(1, (70, 101)), (2, (70, 102))]
    assert [one.looks[0].transform for one in again] == [one.looks[0].transform for one in pictures]
    assert_same(again[1].detect(DecoderParams(nms="soft")), pictures[1].detect(DecoderParams(nms="soft")))


@pytest.mark.parametrize("at", [0, 20, 40, 500, -1])
def test_bytes_that_changed_are_refused(at: int) -> None:
    content = bytearray(encode([picture(1, (64, 64), CompactHeads.of(random_heads(5, 16, 16), SCHEMA))]))
    content[at] ^= 1

    with pytest.raises(DataError, match="damaged"):
        decode_bytes(bytes(content), SCHEMA, Reach(), SPEC, SINGLE)


def test_parameters_beyond_the_reach_are_refused() -> None:
    one = picture(1, (64, 64), CompactHeads.of(random_heads(5, 16, 16), SCHEMA))

    with pytest.raises(DataError, match="top_k up to 100"):
        one.detect(DecoderParams(top_k=101))
    with pytest.raises(DataError, match=r"keypoint_threshold from 0\.1"):
        one.detect(DecoderParams(keypoint_threshold=0.05))
    assert Reach.of(DecoderParams(top_k=200, keypoint_threshold=0.05)) == Reach(200, 0.05)


@pytest.mark.slow
def test_the_demo_network_stays_exact_and_small(demo_bundle: Path, demo_pictures: tuple[Path, ...]) -> None:
    from deepmark.runtime import letterbox
    from deepmark.runtime.engines.loading import load_engine

    with load_engine(demo_bundle, 1, "onnxruntime") as engine:
        schema = engine.manifest.keypoints
        for path in demo_pictures[:3]:
            heads = engine.heads(letterbox(read_image(path), (256, 256))[0])
            one = picture(1, (256, 256), CompactHeads.of(heads, schema))
            restored = one.looks[0].heads.restore()
            assert len(encode([one])) < 450_000
            for sigma_center in np.arange(0, 1.01, 0.25):
                for sigma_keypoint in (0, 0.35, 0.9):
                    for mask in (True, False):
                        chosen = DecoderParams(
                            sigma_center=float(sigma_center), sigma_keypoint=sigma_keypoint, mask=mask
                        )
                        assert_same(decode(restored, schema, chosen), decode(heads, schema, chosen))
