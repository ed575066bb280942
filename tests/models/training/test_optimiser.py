"""The learning rate, what decays, and the average of the weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from deepmark.models.training.optimiser import Ema, learning_rate, make_optimiser


@given(st.integers(1, 5000))
def test_the_rate_rises_to_its_peak_and_falls_towards_zero(steps: int) -> None:
    rates = [learning_rate(step, steps, 1.0) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == 1
    assert min(rates) > 0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert top <= max(1, 0.05 * steps)


def test_biases_and_normalisation_do_not_decay() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    optimiser = make_optimiser(network, lr=0.1, weight_decay=0.5)
    for parameter in network.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    conv, norm = network
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert conv.weight.flatten().tolist() == pytest.approx([0.95] * conv.weight.numel())
    for vector in (conv.bias, norm.weight, norm.bias):
        assert vector is not None
        assert vector.tolist() == [1] * len(vector)


def test_the_average_follows_weights_and_statistics() -> None:
    network = nn.BatchNorm2d(1)
    average = Ema(network, 0.5)
    with torch.no_grad():
        network.weight.fill_(3)
    network.running_mean = torch.tensor([10.0])
    network.num_batches_tracked = torch.tensor(7)
    average.update(network)  # decay 1/10 in the first step
    found = average.state_dict()
    assert found["weight"].item() == pytest.approx(0.1 * 1 + 0.9 * 3)
    assert found["running_mean"].item() == pytest.approx(9)
    assert found["num_batches_tracked"].item() == 7
    for _ in range(50):
        average.update(network)
    assert average.state_dict()["weight"].item() == pytest.approx(3)
    assert network.weight.item() == 3
