"""Both engines behind one interface: equal results, checked input, and a record of what really runs."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tiny import Tiny, assert_close, convert, export_tiny, large_steps, noise, truth, write_bundle

from deepmark.errors import BundleError, DataError, EngineError, UsageError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import MODEL_FILES, Backend, open_bundle
from deepmark.runtime.cpu import usable_cores
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.heads.maps import sigmoid
from deepmark.runtime.preprocess import normalise

BACKENDS: tuple[Backend, ...] = ("mnn", "onnxruntime")
both = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(scope="module", params=BACKENDS)
def engine(request: pytest.FixtureRequest, tiny: Tiny) -> Engine:
    return load_engine(tiny.bundle, threads=1, backend=request.param)


def picture(height: int = 64, width: int = 96, seed: int = 0) -> Image8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


# --- results ---


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 96), (32, 32), (96, 64), (160, 32)])
def test_outputs_come_by_name_and_equal_the_graph_s(engine: Engine, tiny: Tiny, size: tuple[int, int]) -> None:
    x = noise(1, 3, *size)
    assert_close(engine.run(x), truth(tiny.onnx, x))


def test_each_run_sees_its_own_input(engine: Engine, tiny: Tiny) -> None:
    """MNN uses its input buffer as scratch, and keeps the last outputs when a run fails."""
    first, second = noise(1, 3, 64, 96, seed=1), noise(1, 3, 64, 96, seed=2)
    for x in (first, second, first, first):
        assert_close(engine.run(x), truth(tiny.onnx, x))


def test_sizes_can_change_from_run_to_run(engine: Engine, tiny: Tiny) -> None:
    for size in [(64, 96), (32, 32), (64, 96), (32, 64), (64, 32)]:
        x = noise(1, 3, *size)
        assert_close(engine.run(x), truth(tiny.onnx, x))


def test_the_input_is_left_alone(engine: Engine) -> None:
    x = noise(1, 3, 64, 96)
    before = x.copy()
    engine.run(x)
    np.testing.assert_array_equal(x, before)


def test_a_view_of_another_layout_in_memory_is_read_right(engine: Engine, tiny: Tiny) -> None:
    hwc = noise(1, 64, 96, 3)
    view = hwc.transpose(0, 3, 1, 2)
    assert_close(engine.run(view), truth(tiny.onnx, np.ascontiguousarray(view)))
    mirrored = noise(1, 3, 64, 96)[..., ::-1]
    assert_close(engine.run(mirrored), truth(tiny.onnx, np.ascontiguousarray(mirrored)))


@pytest.mark.slow
def test_outputs_stay_when_the_next_run_and_the_end_of_the_engine_come(tiny: Tiny) -> None:
    for backend in BACKENDS:
        engine = load_engine(tiny.bundle, threads=1, backend=backend)
        outputs = engine.run(noise(1, 3, 64, 96, seed=1))
        kept = {name: head.copy() for name, head in outputs.items()}
        engine.run(noise(1, 3, 64, 96, seed=2))
        engine.close()
        del engine
        gc.collect()
        for name, head in outputs.items():
            np.testing.assert_array_equal(head, kept[name])


def test_heads_are_the_outputs_of_the_normalised_picture(engine: Engine, tiny: Tiny) -> None:
    image = picture()
    heads = engine.heads(image)
    expected = truth(tiny.onnx, normalise(image, tiny.manifest.preprocess))
    assert_close({name: getattr(heads, name) for name in expected}, expected)
    assert heads.hm.shape == (2, 16, 24)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mnn", ".onnx"])
def test_a_graph_that_gives_logits_gives_the_same_heads(tiny: Tiny, suffix: str) -> None:
    logits = tiny.logits_mnn if suffix == ".mnn" else tiny.logits_onnx
    image = picture()
    with load_engine(tiny.bundle, threads=1) as dense, load_engine(logits, threads=1) as raw:
        expected, found = dense.heads(image), raw.heads(image)
        outputs = raw.run(normalise(image, tiny.manifest.preprocess))
    for name in tiny.manifest.heads.channels:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6)
        assert getattr(found, name).dtype == np.float32
    assert outputs["hm"].min() < 0, "run() gives what the graph gives"


def test_the_sigmoid_is_right_at_both_ends() -> None:
    logits = np.array([-np.inf, -200, -20, 0, 20, 200, np.inf], np.float32)
    exact = [0, 0, 2.0611537e-09, 0.5, 1 - 2.0611537e-09, 1, 1]
    np.testing.assert_allclose(sigmoid(logits), exact, rtol=1e-6)


# --- input that must be refused ---


@pytest.mark.parametrize(
    ("x", "found"),
    [
        (np.zeros((1, 3, 64, 96), np.float64), r"float64 \(1, 3, 64, 96\)"),
        (np.zeros((1, 3, 64, 96), np.uint8), r"uint8 \(1, 3, 64, 96\)"),
        (np.zeros((1, 3, 64, 96), np.float16), r"float16 \(1, 3, 64, 96\)"),
        (np.zeros((3, 64, 96), np.float32), r"float32 \(3, 64, 96\)"),
        (np.zeros((1, 64, 96, 3), np.float32), r"float32 \(1, 64, 96, 3\)"),
        (np.zeros((2, 3, 64, 96), np.float32), r"float32 \(2, 3, 64, 96\)"),
        (np.zeros((1, 4, 64, 96), np.float32), r"float32 \(1, 4, 64, 96\)"),
        ([[[[0.0]]]], "list"),
    ],
)
def test_another_shape_type_or_layout_is_refused(engine: Engine, x: Any, found: str) -> None:
    with pytest.raises(EngineError, match=rf"must be a float32 array \(1, 3, H, W\), found {found}"):
        engine.run(x)


@pytest.mark.parametrize("size", [(100, 96), (64, 97), (0, 0), (0, 32), (16, 16)])
def test_a_size_that_is_no_multiple_of_32_is_refused(engine: Engine, size: tuple[int, int]) -> None:
    with pytest.raises(EngineError, match=f"must be multiples of 32, found {size[0]}x{size[1]}") as caught:
        engine.run(np.zeros((1, 3, *size), np.float32))
    assert "letterbox" in str(caught.value.hint)


@both
@pytest.mark.parametrize("size", [(160, 160), (128, 160), (96, 128)])
def test_the_multiple_is_the_bundle_s(tiny: Tiny, tmp_path: Path, backend: Backend, size: tuple[int, int]) -> None:
    """An hourglass takes multiples of 128: of 160 it makes maps that do not fit each other."""
    bundle = large_steps(tiny, tmp_path / "tiny.deepmark")
    with load_engine(bundle, threads=1, backend=backend) as engine:
        assert engine.run(noise(1, 3, 128, 256))["hm"].shape == (2, 32, 64)
        with pytest.raises(EngineError, match=f"must be multiples of 128, found {size[0]}x{size[1]}$"):
            engine.run(noise(1, 3, *size))


def test_a_size_beyond_the_limit_is_refused_before_memory_is_touched(engine: Engine) -> None:
    huge = np.broadcast_to(np.zeros((), np.float32), (1, 3, 8192, 8192))
    with pytest.raises(EngineError, match="an input of 8192x8192 is too large, the limit is 16,777,216 pixels"):
        engine.run(huge)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(engine: Engine, value: float) -> None:
    x = noise(1, 3, 64, 96)
    x[0, 2, 63, 95] = value
    with pytest.raises(EngineError, match="the input holds NaN or infinite values"):
        engine.run(x)


def test_a_picture_of_another_size_or_type_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="must be multiples of 32, found 100x100"):
        engine.heads(picture(100, 100))
    with pytest.raises(DataError, match="found float32"):
        engine.heads(picture().astype(np.float32))


def test_a_model_of_one_size_takes_that_size_only(tiny: Tiny) -> None:
    with load_engine(tiny.fixed_mnn, threads=1) as engine:
        x = noise(1, 3, 64, 96)
        assert_close(engine.run(x), truth(tiny.onnx, x))
        with pytest.raises(EngineError, match="the model takes 64x96 only, found 96x64"):
            engine.run(noise(1, 3, 96, 64))


def test_a_refused_input_does_not_spoil_the_next(engine: Engine, tiny: Tiny) -> None:
    x = noise(1, 3, 64, 96)
    with pytest.raises(EngineError):
        engine.run(np.zeros((1, 3, 33, 33), np.float32))
    assert_close(engine.run(x), truth(tiny.onnx, x))


# --- models that must be refused ---


@both
def test_outputs_of_other_names_are_refused_at_load(tiny: Tiny, tmp_path: Path, backend: Backend) -> None:
    heads = tiny.manifest.heads
    fewer = {name: channels for name, channels in heads.channels.items() if name != "reg"}
    manifest = msgspec.structs.replace(tiny.manifest, heads=msgspec.structs.replace(heads, channels=fewer))
    model = MODEL_FILES[backend]
    bundle = write_bundle(tmp_path / "a.deepmark", manifest, {model: tiny.bundle / model})
    with pytest.raises(
        BundleError,
        match=f"{model} has the outputs hm, hm_hp, hp_offset, hps, reg, wh, its manifest says hm, .*, hps, wh$",
    ):
        load_engine(bundle, threads=1)


@pytest.mark.slow
@both
def test_outputs_of_other_channels_are_refused_at_load(tiny: Tiny, tmp_path: Path, backend: Backend) -> None:
    odd = tmp_path / "odd.onnx"
    export_tiny(odd, tiny.manifest, channels=tiny.manifest.heads.channels | {"wh": 3})
    if backend == "mnn":
        convert(odd, tmp_path / "odd.mnn")
        odd = tmp_path / "odd.mnn"
    model = MODEL_FILES[backend]
    with pytest.raises(
        BundleError, match=rf"output 'wh' of {model} has shape \(., 3, .*, its manifest says \(1, 2, 16, 24\)"
    ):
        load_engine(write_bundle(tmp_path / "a.deepmark", tiny.manifest, {model: odd}), threads=1)


# --- choices and what came of them ---


def test_the_file_decides_and_mnn_comes_first(tiny: Tiny) -> None:
    for path, backend in [(tiny.bundle, "mnn"), (tiny.mnn, "mnn"), (tiny.onnx, "onnxruntime")]:
        with load_engine(path, threads=1) as engine:
            assert engine.record.backend == backend
    with load_engine(tiny.onnx, threads=1, backend="auto") as engine:
        assert engine.record.backend == "onnxruntime"
    with load_engine(open_bundle(tiny.bundle), threads=1, backend="onnxruntime") as engine:
        assert engine.record.backend == "onnxruntime"


def test_the_record_says_what_really_runs(engine: Engine, tiny: Tiny) -> None:
    import importlib.metadata

    record = engine.record
    assert record.version == importlib.metadata.version(record.backend)
    assert (record.threads, record.threads_asked, record.precision) == (1, 1, "fp32")
    assert record.device.startswith("CPU")
    assert record.model_sha256 == open_bundle(tiny.bundle).entries[record.model_file].sha256
    assert msgspec.json.decode(msgspec.json.encode(record))["settings"] == record.settings


@both
@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(tiny: Tiny, backend: Backend, threads: int) -> None:
    with pytest.raises(UsageError, match=f"threads must be at least 1, found {threads}"):
        load_engine(tiny.bundle, threads=threads, backend=backend)


@both
def test_more_threads_than_cores_are_cut_and_said(tiny: Tiny, backend: Backend) -> None:
    with load_engine(tiny.bundle, threads=999, backend=backend) as engine:
        assert engine.record.threads_asked == 999
        assert 1 <= engine.record.threads <= usable_cores()


def test_by_default_at_most_four_cores_are_used(tiny: Tiny) -> None:
    with load_engine(tiny.bundle) as engine:
        assert engine.record.threads == engine.record.threads_asked == min(usable_cores(), 4)


def test_an_unknown_engine_is_refused(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="unknown engine 'tensorrt'") as caught:
        load_engine(tiny.bundle, backend="tensorrt")  # type: ignore[arg-type]  # on purpose
    assert caught.value.hint == "choose one of mnn, onnxruntime"


def test_an_engine_without_a_file_in_the_model_is_refused(tiny: Tiny) -> None:
    with pytest.raises(BundleError, match=r"tiny\.onnx has no model for the engine 'mnn', only for onnxruntime"):
        load_engine(tiny.onnx, backend="mnn")


@pytest.mark.parametrize(("backend", "module"), [("mnn", "MNN"), ("onnxruntime", "onnxruntime")])
def test_an_engine_that_is_not_installed_is_said_with_the_way_to_get_it(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, backend: Backend, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineError, match=r"is not usable: import of .* halted") as caught:
        load_engine(tiny.bundle, backend=backend)
    assert "pip install" in str(caught.value.hint)


# --- paths, stdout ---


@both
def test_paths_with_spaces_and_other_alphabets_work(tiny: Tiny, tmp_path: Path, backend: Backend) -> None:
    folder = tmp_path / "Bekleidung für Ärzte 服装.deepmark"
    shutil.copytree(tiny.bundle, folder)
    with load_engine(folder, threads=1, backend=backend) as engine:
        assert engine.run(noise(1, 3, 32, 32))["hm"].shape == (2, 8, 8)


@pytest.mark.slow
@both
def test_a_zip_loads_and_leaves_nothing_behind(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    packed, empty = tmp_path / "tiny.deepmark.zip", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(packed, "w") as zipped:
        for path in tiny.bundle.rglob("*"):
            zipped.write(path, path.relative_to(tiny.bundle.parent))
    monkeypatch.setattr("tempfile.tempdir", str(empty))
    monkeypatch.chdir(empty)
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    x = noise(1, 3, 64, 96)
    with load_engine(packed, threads=1, backend=backend) as engine:
        assert not list(empty.iterdir())
        assert_close(engine.run(x), truth(tiny.onnx, x))


@pytest.mark.slow
@both
def test_loading_and_running_print_nothing(tiny: Tiny, backend: Backend) -> None:
    code = (
        "import sys, numpy as np; from deepmark.runtime import load_engine\n"
        "engine = load_engine(sys.argv[1], threads=2, backend=sys.argv[2])\n"
        "engine.run(np.zeros((1, 3, 64, 64), np.float32)); print('done')"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tiny.bundle), backend], capture_output=True, text=True, timeout=120, check=True
    )
    assert (child.stdout, child.stderr) == ("done\n", "")


def test_a_model_in_a_folder_whose_name_is_no_text_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    bundle = shutil.copytree(tiny.bundle, tmp_path / "a\udcff.deepmark")
    with pytest.raises(BundleError, match="not Unicode"):
        load_engine(bundle)


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_heads_of_a_shape_do_not_depend_on_what_ran_before_and_memory_stays(tiny: Tiny, backend: Backend) -> None:
    shapes = [(64, 96), (64, 32), (32, 96), (64, 64), (32, 32)]
    pictures = [np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
    alone = []
    for picture in pictures:
        with load_engine(tiny.bundle, 1, backend) as engine:
            alone.append(engine.outputs_of((picture,))[0])
    with load_engine(tiny.bundle, 1, backend) as engine:
        before = engine.memory_mib()
        for number in np.random.default_rng(1).integers(0, len(shapes), 100):
            found = engine.outputs_of((pictures[number],))[0]
            for name, head in alone[number].items():
                np.testing.assert_array_equal(found[name], head, err_msg=name)
        engine.outputs_of((pictures[0],))
        assert engine.memory_mib() == before  # None for ONNX Runtime, which does not tell
