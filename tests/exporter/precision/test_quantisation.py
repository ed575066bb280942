"""MNN fp32 -> int8: a real quantiser, and every way in which it fails, provoked for real."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_network import HEADS, tiny_manifest, tiny_network

from deepmark.errors import ConversionError, UsageError
from deepmark.exporter import to_mnn
from deepmark.exporter.precision import quantisation as module
from deepmark.exporter.precision.calibration import CalibrationSet, drawn_pictures
from deepmark.exporter.precision.layers import ConvLayer, choose_layers, kept_layers, read_layers
from deepmark.exporter.precision.quantisation import QUANTISER, quantise
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.to_onnx import export_onnx
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.manifest import Preprocess

SIZE = (64, 96)


@pytest.fixture(scope="module")
def logits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network without sigmoids, as .onnx and .mnn."""
    path = tmp_path_factory.mktemp("logits") / "tiny.onnx"
    metadata = tiny_manifest(logits=True).to_json(compact=True).decode()
    export_onnx(tiny_network(), path, heads=tuple(HEADS), size=SIZE, dynamic=True, logits=True, metadata=metadata)
    convert_to_mnn(path, path.with_suffix(".mnn"))
    return path


@pytest.fixture(scope="module")
def layers(logits: Path) -> tuple[ConvLayer, ...]:
    return read_layers(logits)


@pytest.fixture(scope="module")
def calibration() -> CalibrationSet:
    return CalibrationSet("drawings", tuple(picture.image for picture in drawn_pictures(4, 1, SIZE)))


def _quantise(
    source: Path,
    target: Path,
    calibration: CalibrationSet,
    layers: Sequence[ConvLayer],
    *,
    float_layers: Sequence[ConvLayer] = (),
) -> None:
    """Quantise a model whose input is normalised as by default."""
    quantise(source, target, calibration=calibration, preprocess=Preprocess(), layers=layers, float_layers=float_layers)


def _run(path: Path) -> dict[str, np.ndarray]:
    image = drawn_pictures(1, 2, SIZE)[0].image
    with load_engine(path, threads=1) as engine:
        heads = engine.heads(image).dense()
        return {name: getattr(heads, name) for name in HEADS}


@pytest.mark.slow
def test_a_quantised_model_loads_carries_its_manifest_and_gives_nearly_the_same(
    logits: Path, layers: tuple[ConvLayer, ...], calibration: CalibrationSet, tmp_path: Path
) -> None:
    source = logits.with_suffix(".mnn")
    _quantise(source, tmp_path / "int8.mnn", calibration, layers, float_layers=kept_layers(layers, ()))
    expected, found = _run(source), _run(tmp_path / "int8.mnn")
    for name, head in expected.items():
        error = np.abs(found[name] - head).max()
        assert 0 < error < 0.25 * max(np.abs(head).max(), 0.2), name
    assert [path.name for path in tmp_path.iterdir()] == ["int8.mnn"]


@pytest.mark.slow
def test_outputs_are_not_rounded_to_8_bits(
    logits: Path,
    layers: tuple[ConvLayer, ...],
    calibration: CalibrationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def values() -> int:
        _quantise(
            logits.with_suffix(".mnn"), tmp_path / "int8.mnn", calibration, layers, float_layers=kept_layers(layers, ())
        )
        return len(np.unique(_run(tmp_path / "int8.mnn")["hps"][0]))

    free = values()
    monkeypatch.setattr(module, "with_float_outputs", lambda model, _: model)
    assert values() < 40 < free  # 24 x 16 cells


@pytest.mark.slow
def test_the_same_pictures_give_the_same_bytes(
    logits: Path, layers: tuple[ConvLayer, ...], calibration: CalibrationSet, tmp_path: Path
) -> None:
    digests = []
    for name in ("one.mnn", "two.mnn"):
        _quantise(logits.with_suffix(".mnn"), tmp_path / name, calibration, layers)
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).digest())
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_layers_kept_in_float_make_the_file_longer_by_their_weights(
    logits: Path, layers: tuple[ConvLayer, ...], calibration: CalibrationSet, tmp_path: Path
) -> None:
    sizes = []
    kept = choose_layers(layers, ["deep"])
    last = kept_layers(layers, ())
    for float_layers in (last, (*kept, *last)):
        _quantise(logits.with_suffix(".mnn"), tmp_path / "int8.mnn", calibration, layers, float_layers=float_layers)
        sizes.append((tmp_path / "int8.mnn").stat().st_size)
    weights = sum(layer.weights for layer in kept)
    assert abs(sizes[1] - sizes[0] - 3 * weights) < 0.2 * 3 * weights + 512


@pytest.mark.slow
def test_a_layer_that_the_quantiser_did_not_know_is_found_by_size(
    logits: Path,
    layers: tuple[ConvLayer, ...],
    calibration: CalibrationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ignores unknown names: then the layer would be in 8 bits, and the file short of its weights."""
    monkeypatch.setattr(to_mnn, "SCALES_SHARE", 1.0)
    misnamed = [replace(layer, tensor="nonsense", weights=10**6) for layer in layers]
    with pytest.raises(ConversionError, match="mnn -> int8: wrote"):
        _quantise(logits.with_suffix(".mnn"), tmp_path / "int8.mnn", calibration, misnamed, float_layers=misnamed)
    assert list(tmp_path.iterdir()) == []


def test_a_quantiser_that_crashes_ends_its_child_and_not_us(
    logits: Path,
    layers: tuple[ConvLayer, ...],
    calibration: CalibrationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "__name__; __import__('os').abort(); (lambda _: 0)"
    monkeypatch.setattr(module, "QUANTISER", replace(QUANTISER, function=code))
    with pytest.raises(ConversionError, match="mnn -> int8: the quantiser crashed with SIGABRT"):
        _quantise(logits.with_suffix(".mnn"), tmp_path / "int8.mnn", calibration, layers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_picture_that_the_quantiser_cannot_read_is_an_error_where_it_goes_on(
    logits: Path,
    layers: tuple[ConvLayer, ...],
    calibration: CalibrationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(path: str, _: object) -> bool:
        Path(path).write_bytes(b"no picture")
        return True

    monkeypatch.setattr(cv2, "imwrite", broken)
    with pytest.raises(ConversionError, match="mnn -> int8: the quantiser"):
        _quantise(logits.with_suffix(".mnn"), tmp_path / "int8.mnn", calibration, layers)


def test_a_hanging_quantiser_is_ended(
    logits: Path,
    layers: tuple[ConvLayer, ...],
    calibration: CalibrationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "QUANTISER", replace(QUANTISER, timeout_s=0.01))
    with pytest.raises(ConversionError, match=r"mnn -> int8: the quantiser did not finish within 0\.01 s"):
        _quantise(logits.with_suffix(".mnn"), tmp_path / "int8.mnn", calibration, layers)


def test_layers_are_named_by_their_modules(layers: tuple[ConvLayer, ...]) -> None:
    names = [layer.name for layer in layers]
    assert names[:2] == ["stem.0", "level.0"]
    assert {"hm.0", "hm.2", "hps.2"} <= set(names)
    assert next(layer.tensor for layer in layers if layer.name == "hm.2") == "hm"
    assert [layer.name for layer in layers if layer.last] == [f"{head}.2" for head in HEADS]
    assert next(layer.weights for layer in layers if layer.name == "stem.0") == 3 * 8 * 9


def test_a_module_means_all_of_its_layers_and_no_others(layers: tuple[ConvLayer, ...]) -> None:
    assert [layer.name for layer in choose_layers(layers, ["hm", "stem.0", "hm.0"])] == ["stem.0", "hm.0", "hm.2"]


def test_an_unknown_layer_lists_the_modules(layers: tuple[ConvLayer, ...]) -> None:
    with pytest.raises(UsageError, match="there is no layer 'h' to keep in float") as error:
        choose_layers(layers, ["hm", "h"])
    assert "hm_hp" in str(error.value.hint)
