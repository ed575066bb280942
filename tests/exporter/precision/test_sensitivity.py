"""The table of what each layer costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from outcome import Deepmark
from tiny_network import tiny_loaded

from deepmark.exporter.precision import calibration, sensitivity
from deepmark.exporter.precision.sensitivity import LayerSensitivity, Sensitivity, measure_sensitivity


@pytest.fixture
def tiny_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(calibration, "DRAWN_PICTURES", 2)
    monkeypatch.setattr(sensitivity, "JUDGE_PICTURES", 2)
    monkeypatch.setattr("deepmark.console.progress_bar.LINE_EVERY_S", 0)
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded())
    (tmp_path / "tiny.pth").write_bytes(b"stands for weights")
    return tmp_path / "tiny.pth"


@pytest.mark.slow
def test_a_row_tells_a_layer_and_a_line_the_time_left(tiny_checkpoint: Path) -> None:
    lines: list[str] = []
    found = measure_sensitivity(tiny_checkpoint, size=(64, 96), only=["hm", "level"], on_progress=lines.append)
    assert [one.layer for one in found.layers] == ["level.0", "hm.0"]
    assert found.all_int8.layer == ""
    assert found.layers[0].weights == 8 * 16 * 9
    assert set(found.all_int8.heads) == {"hm", "wh", "hps", "reg", "hm_hp", "hp_offset"}
    assert min(found.all_int8.heads.values()) > 0
    assert lines[0].startswith("measuring: 1 of 2 layers, ")
    assert lines[0].endswith(" left")


@pytest.mark.slow
def test_a_layer_of_a_head_changes_that_head_alone(tiny_checkpoint: Path) -> None:
    found = measure_sensitivity(tiny_checkpoint, size=(64, 96), heads="dense", only=["wh"], on_progress=lambda _: None)
    before, after = found.all_int8.heads, found.layers[0].heads
    assert [head for head in before if before[head] != after[head]] == ["wh"]


def test_gain_is_the_mean_share_of_error_that_goes() -> None:
    none = LayerSensitivity("", 0, {"hm": 0.4, "wh": 2.0}, 0.1, 0.9)
    one = LayerSensitivity("stem.0", 100, {"hm": 0.2, "wh": 2.0}, 0.1, 0.9)
    found = Sensitivity(none, (one,))
    assert found.relative(one) == (0.5, 1.0)
    assert found.gain(one) == pytest.approx(0.25)
    assert one.extra_bytes == 300


@pytest.mark.slow
def test_the_command_prints_the_table_and_writes_no_bundle(deepmark: Deepmark, tiny_checkpoint: Path) -> None:
    folder = tiny_checkpoint.parent / "out"
    options = ("--size", "64x96", "--precision", "int8", "--sensitivity", "--keep-float", "hm", "-o", folder)
    printed = deepmark("export", tiny_checkpoint, *options)
    assert printed.code == 0, printed.err
    assert "hm.0" in printed.err
    assert "none" in printed.err
    assert not folder.exists()
