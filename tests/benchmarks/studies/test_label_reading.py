"""The reader's benchmark reads what it wrote."""

from __future__ import annotations

import json

from click.testing import CliRunner

from deepmark.benchmarks.studies.label_reading import main


def test_every_file_is_read() -> None:
    done = CliRunner().invoke(main, ["--count", "30", "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["files"] == 30
    assert 30 <= found["items"] <= 90
    assert found["peak_mib"] >= found["peak_before_mib"] > 0
