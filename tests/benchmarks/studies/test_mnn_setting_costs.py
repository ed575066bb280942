"""The table of MNN's settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies import mnn_setting_costs


@pytest.mark.slow
def test_the_command_prints_every_setting(
    study: Callable[..., Outcome], demo_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnn_setting_costs, "WINOGRAD_LEVELS", (1, 3))
    rows = json.loads(study("mnn_setting_costs", demo_bundle, "--rounds", 1, "--runs", 1, "--json").out)
    assert [(row["settings"]["winograd"], row["settings"]["memory"]) for row in rows] == [
        (3, "normal"),
        (1, "normal"),
        (3, "low"),
        (1, "low"),
    ]
    assert rows[0]["ratio"] == 1
