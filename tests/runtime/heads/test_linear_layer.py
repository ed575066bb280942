"""Matrix products in blocks: the same numbers, and no block that a BLAS would divide between threads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.heads.weights import BLOCK_COLUMNS, BLOCK_ROWS, LinearLayer

ONE_THREAD = 2**18  # multiply-adds: OpenBLAS's SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD


def _layer(rows: int, depth: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, depth), np.float32), rng.standard_normal(rows, np.float32)


@given(rows=st.integers(1, 80), depth=st.integers(1, 40), count=st.integers(0, 50), seed=st.integers(0, 99))
def test_a_layer_is_a_matrix_product_and_a_bias(rows: int, depth: int, count: int, seed: int) -> None:
    weight, bias = _layer(rows, depth, seed)
    columns = np.random.default_rng(seed + 1).standard_normal((depth, count), np.float32)
    found = LinearLayer.of(weight, bias)(columns)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, weight.astype(float) @ columns + bias[:, None], atol=1e-4)


def test_rows_can_be_taken_in_any_order_and_number() -> None:
    weight, bias = _layer(50, 7)
    columns = np.random.default_rng(1).standard_normal((7, 20), np.float32)
    whole = LinearLayer.of(weight, bias)(columns)
    for rows in ([49], [3, 0, 3], list(range(49, -1, -1)), []):
        np.testing.assert_array_equal(LinearLayer.of(weight, bias).take(np.array(rows, np.intp))(columns), whole[rows])


def test_a_column_gives_the_same_bits_wherever_it_stands() -> None:
    weight, bias = _layer(256, 576)
    columns = np.random.default_rng(1).standard_normal((576, 100), np.float32)
    layer = LinearLayer.of(weight, bias)
    whole = layer(columns)
    for start in (0, 1, 15, 16, 99):
        np.testing.assert_array_equal(layer(columns[:, start : start + 1]), whole[:, start : start + 1])


def test_a_block_of_the_networks_own_size_stays_on_one_thread() -> None:
    assert BLOCK_ROWS * BLOCK_COLUMNS * 64 * 9 <= ONE_THREAD
