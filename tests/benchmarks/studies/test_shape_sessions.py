"""What a session of its own costs for another shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from outcome import Outcome


def test_the_command_prints_both_sessions(study: Callable[..., Outcome], data: Path) -> None:
    bundle = data / "made_without_avx2" / "tiny.deepmark"
    rows = json.loads(study("shape_sessions", bundle, "--shape", "32x64", "--rounds", 2, "--json").out)
    assert [row["size"] for row in rows] == [[64, 96], [32, 64], [32, 64]]
    assert rows[0]["ratio"] == 1
    assert all(row["mnn_mib"] > 0 for row in rows)
