"""The reader's benchmark reads what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable

from outcome import Outcome


def test_every_file_is_read(study: Callable[..., Outcome]) -> None:
    found = json.loads(study("label_reading", "--count", 30, "--json").out)
    assert found["files"] == 30
    assert 30 <= found["items"] <= 90
    assert found["peak_mib"] >= found["peak_before_mib"] > 0
