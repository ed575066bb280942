"""The table of precisions on an emulated phone processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from native_programs import require_cross_build
from outcome import Outcome
from tiny_network import tiny_loaded

from deepmark.benchmarks.studies import emulated_precisions
from deepmark.benchmarks.studies.emulated_precisions import Setting, measure
from deepmark.errors import EngineError


@pytest.mark.slow
def test_rows_say_what_really_ran_and_whether_it_is_equal(
    study: Callable[..., Outcome], demo_pictures: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_cross_build()
    (tmp_path / "tiny.pth").write_bytes(b"stands for weights")
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded())
    monkeypatch.setattr(
        emulated_precisions, "SETTINGS", tuple(Setting(name, name, "normal") for name in ("fp32", "fp16"))
    )
    checkpoint = tmp_path / "tiny.pth"
    outcome = study("emulated_precisions", checkpoint, demo_pictures[0], "--size", 64, "--heads", "dense")
    assert outcome.code == 0
    full, half = (line.split() for line in outcome.err.splitlines() if line.startswith(("fp32", "fp16")))
    assert full[1] == "fp32"
    assert half[1] == "fp16"
    assert full[-1] == half[-1] == "pass"
    assert float(half[3]) < float(full[3])


def test_a_missing_emulator_is_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(emulated_precisions, "EMULATOR", ("no-such-emulator",))
    with pytest.raises(EngineError, match="no-such-emulator is missing"):
        measure(tmp_path / "none.pth", [], size=(64, 64), heads="dense")
