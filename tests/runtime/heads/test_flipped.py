"""The flip test's heads: single cells are the maps', and both runs count as the paper says."""

from __future__ import annotations

import numpy as np
import pytest
from sparse_maps import dense_by_torch, random_arrays, weights_of

from deepmark.errors import DataError
from deepmark.runtime import DecoderParams, Heads, KeypointSchema, SparseHeads, decode
from deepmark.runtime.arrays import F32
from deepmark.runtime.heads.flipped import FlippedHeads

SCHEMA = KeypointSchema.coco_person()
MIRROR = np.array(SCHEMA.mirror_groups)
GROUPS, HIGH, WIDE = SCHEMA.num_groups, 7, 12


def random_heads(seed: int, *, optional: bool = True) -> Heads:
    rng = np.random.default_rng(seed)

    def maps(channels: int) -> F32:
        return rng.random((channels, HIGH, WIDE), np.float32)

    return Heads(
        hm=maps(1),
        wh=6 * maps(2),
        hps=4 * maps(2 * GROUPS) - 2,
        reg=maps(2) if optional else None,
        hm_hp=maps(GROUPS) if optional else None,
        hp_offset=maps(2) if optional else None,
    )


def both_ways(plain: Heads, mirrored: Heads) -> FlippedHeads:
    return FlippedHeads.of(plain, mirrored, MIRROR)


@pytest.mark.parametrize("optional", [True, False])
def test_cells_are_read_from_both_runs_as_the_maps_have_them(optional: bool) -> None:
    heads = both_ways(random_heads(1, optional=optional), random_heads(2, optional=optional))
    dense = heads.dense()
    cells = np.arange(HIGH * WIDE)
    owner, group = np.repeat(cells, 2), np.tile([3, 10], len(cells))
    found, expected = (one.at_centres(cells, owner, group) for one in (heads, dense))
    np.testing.assert_array_equal(found.sizes, expected.sizes)
    np.testing.assert_array_equal(found.displacements, expected.displacements)
    assert (found.offsets is None) == (expected.offsets is None) == (not optional)
    offsets = heads.at_landmarks(cells)
    if optional:
        assert offsets is not None
        assert heads.plain.dense().hp_offset is not None
        np.testing.assert_array_equal(offsets, heads.plain.dense().at_landmarks(cells))
    else:
        assert offsets is None
        assert heads.hm_hp is None


def test_a_picture_and_its_own_mirror_image_are_one_mean() -> None:
    """Exchanging the runs mirrors the result; only the offsets are the first run's own."""
    one, other = random_heads(1), random_heads(2)
    there, back = both_ways(one, other).dense(), both_ways(other, one).dense()
    assert there.hm_hp is not None
    assert back.hm_hp is not None
    assert there.hps is not None
    assert back.hps is not None
    np.testing.assert_array_equal(there.hm, back.hm[..., ::-1])
    np.testing.assert_array_equal(there.wh, back.wh[..., ::-1])
    np.testing.assert_array_equal(there.hm_hp, back.hm_hp[MIRROR][..., ::-1])
    moved = back.hps.reshape(GROUPS, 2, HIGH, WIDE)[MIRROR][..., ::-1] * np.array([-1, 1])[:, None, None]
    np.testing.assert_array_equal(there.hps, moved.reshape(there.hps.shape))
    assert there.reg is one.reg
    assert there.hp_offset is one.hp_offset


def test_a_left_landmark_is_found_where_the_mirror_image_has_a_right_one() -> None:
    zeros = np.zeros((GROUPS, HIGH, WIDE), np.float32)
    seen, empty = zeros.copy(), zeros
    seen[6, 2, 3] = 1  # right shoulder in the mirror image: COCO's 5 is the left one
    plain, mirrored = random_heads(1), random_heads(2)
    heads = both_ways(
        Heads(plain.hm, plain.wh, plain.hps, hm_hp=empty), Heads(mirrored.hm, mirrored.wh, mirrored.hps, hm_hp=seen)
    )
    assert heads.hm_hp is not None
    assert np.argwhere(heads.hm_hp).tolist() == [[5, 2, WIDE - 1 - 3]]
    assert heads.hm_hp.max() == 0.5


@pytest.mark.parametrize("hidden", [8, 0])
def test_sparse_heads_are_gathered_at_mirrored_cells(hidden: int) -> None:
    channels = {"wh": 2, "hps": 2 * GROUPS, "reg": 2, "hp_offset": 2}
    arrays = random_arrays(channels, 5, hidden)
    weights = weights_of(arrays, channels, 5)
    rng = np.random.default_rng(0)

    def run() -> SparseHeads:
        hm, hm_hp, features = (rng.random((count, HIGH, WIDE), np.float32) for count in (1, GROUPS, 5))
        return SparseHeads(hm=hm, features=features, weights=weights, hm_hp=hm_hp)

    sparse = [run(), run()]
    dense = [dense_by_torch(one, arrays, channels) for one in sparse]
    params = DecoderParams(top_k=30)
    found, expected = (decode(FlippedHeads.of(one, other, MIRROR), SCHEMA, params) for one, other in (sparse, dense))
    assert len(found) > 5
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-4)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    for one, other in zip(found.keypoints, expected.keypoints, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_runs_of_two_sizes_or_networks_are_refused() -> None:
    plain = random_heads(1)
    smaller = Heads(plain.hm[..., :-1], plain.wh[..., :-1], np.zeros((2 * GROUPS, HIGH, WIDE - 1), np.float32))
    with pytest.raises(DataError, match="no two runs of one network"):
        both_ways(plain, smaller)
    with pytest.raises(DataError, match="no two runs of one network with 16 groups"):
        FlippedHeads.of(plain, plain, MIRROR[:-1])


def test_boxes_have_no_landmarks_to_exchange() -> None:
    plain, mirrored = (Heads(one.hm, one.wh, reg=one.reg) for one in (random_heads(1), random_heads(2)))
    nobody = np.zeros(0, np.intp)
    heads = FlippedHeads.of(plain, mirrored, nobody)
    found = heads.at_centres(np.array([3, 14]), nobody, nobody)
    dense = heads.dense()
    assert dense.hps is None
    assert found.displacements.shape == (2, 0)
    np.testing.assert_array_equal(found.sizes, dense.wh.reshape(2, -1)[:, [3, 14]])
    np.testing.assert_array_equal(dense.wh, (plain.wh + mirrored.wh[..., ::-1]) / 2)
