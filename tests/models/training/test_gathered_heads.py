"""Heads at a few cells: the values and gradients of the dense heads."""

from __future__ import annotations

import pytest
import torch

from deepmark.models.heads import make_head
from deepmark.models.training.losses import gather_patches, run_head

CELLS = torch.tensor([[0, 0, 0], [0, 5, 6], [1, 2, 3], [1, 5, 0], [1, 2, 3]])  # corners, borders, one twice


@pytest.mark.parametrize("head_conv", [0, 32])
def test_values_and_gradients_are_those_of_the_dense_head(head_conv: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 64, 6, 7, dtype=torch.float64, requires_grad=True)
    head = make_head(5, head_conv, features=64, bias=0.1).double()
    picture, row, column = CELLS.T
    weights = torch.randn(len(CELLS), 5, dtype=torch.float64)
    inputs = [features, *head.parameters()]

    dense = head(features)[picture, :, row, column]
    sparse = run_head(head, gather_patches(features, CELLS))
    expected = torch.autograd.grad((dense * weights).sum(), inputs)
    found = torch.autograd.grad((sparse * weights).sum(), inputs)

    torch.testing.assert_close(sparse, dense)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_no_cells_give_no_rows_and_no_gradient() -> None:
    features = torch.randn(1, 64, 4, 4, requires_grad=True)
    found = run_head(
        make_head(2, 16, features=64, bias=0.0), gather_patches(features, torch.zeros((0, 3), dtype=torch.int64))
    )
    assert found.shape == (0, 2)
    torch.autograd.backward(found.sum())
    assert features.grad is not None
    assert not features.grad.any()
