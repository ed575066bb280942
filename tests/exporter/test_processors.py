"""A bundle that was made on a processor without AVX2 and FMA verifies on this one, whatever it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepmark.exporter.verification import verify
from deepmark.runtime.cpu import usable_cores


@pytest.mark.parametrize("threads", [1, 2])
def test_a_bundle_made_without_avx2_verifies_here(data: Path, threads: int) -> None:
    found = verify(data / "made_without_avx2" / "tiny.deepmark", threads=threads)
    assert found.report.passed
    assert [engine.backend for engine in found.engines] == ["mnn", "onnxruntime"]
    assert found.engines[0].threads == min(threads, usable_cores())
    for hop in found.report:
        assert (hop.reference, hop.pictures, hop.objects.near_ties) == ("torch", 3, 0)
        assert hop.objects.matched == hop.objects.expected > 0
