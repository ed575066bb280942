"""The C++ engine, linked with the wheel's MNN, gives what Python's MNN gives."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from media_files import read_image
from msgspec.structs import replace
from tiny import CHANNELS, Tiny, write_bundle

from deepmark.errors import EngineError
from deepmark.runtime import Detector
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.mnn import MnnSession
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.native import wheel
from deepmark.runtime.refinement.refiner import Refiner

pytestmark = pytest.mark.slow

TOOLS = ("cmake", "g++", "nm")
NATIVE = Path(wheel.__file__).parent
HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of engine_run.cpp."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("native")
    library = wheel.find_library()
    stub = folder / "stub.c"
    stub.write_text(wheel.stub_source(wheel.python_symbols(library)))
    configure = [
        *("cmake", "-S", str(NATIVE), "-B", str(folder / "build")),
        f"-DMNN_ENGINE={library}",
        f"-DMNN_LIBRARIES={library.parent / 'mnn.libs'}",
        f"-DPYTHON_STUB={stub}",
        f"-DDEEPMARK_PROGRAM={Path(__file__).parent / 'engine_run.cpp'}",
    ]
    for command in (configure, ["cmake", "--build", str(folder / "build")]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stdout + done.stderr
    return folder / "build" / "program"


def run(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, check=False, timeout=60)


def read_outputs(path: Path) -> dict[str, F32]:
    content, outputs = path.read_bytes(), {}
    while content:
        line, _, content = content.partition(b"\n")
        name, *shape = line.decode().split()
        channels, height, width = map(int, shape)
        size = 4 * channels * height * width
        outputs[name] = np.frombuffer(content[:size], np.float32).reshape(channels, height, width)
        content = content[size:]
    return outputs


def test_the_second_run_equals_python_s_mnn(program: Path, tiny: Tiny, tmp_path: Path) -> None:
    image = np.random.default_rng(0).standard_normal((1, 3, HEIGHT, WIDTH)).astype(np.float32)
    image.tofile(tmp_path / "input")
    done = run(program, tiny.mnn, HEIGHT, WIDTH, 32, tmp_path / "input", tmp_path / "output")
    assert not done.returncode, done.stderr
    outputs = read_outputs(tmp_path / "output")
    expected = MnnSession(tiny.mnn, threads=1).run(image)
    assert set(outputs) == set(expected) == set(CHANNELS)
    for name, values in outputs.items():
        np.testing.assert_allclose(values, expected[name].reshape(values.shape), atol=1e-5, rtol=1e-4, err_msg=name)


def test_a_long_strip_does_not_take_the_memory_of_its_square(program: Path, tiny: Tiny, tmp_path: Path) -> None:
    done = run(program, tiny.mnn, 32, 2048, 32, tmp_path / "input", tmp_path / "output")
    assert not done.returncode, done.stderr
    assert float(done.stdout.split()[-1]) < 20, "MiB; of its square it is 176"


@pytest.mark.usefixtures("software_gpus")
@pytest.mark.parametrize("compute", ["opencl", "vulkan"])
def test_kept_kernels_give_the_same_to_the_last_bit(program: Path, tiny: Tiny, tmp_path: Path, compute: str) -> None:
    image = np.random.default_rng(0).standard_normal((1, 3, HEIGHT, WIDTH)).astype(np.float32)
    image.tofile(tmp_path / "input")
    found, states = [], []
    for number, kernels in enumerate(["", tmp_path / "kernels", tmp_path / "kernels"]):
        output = tmp_path / f"output-{number}"
        done = run(program, tiny.mnn, HEIGHT, WIDTH, 32, tmp_path / "input", output, compute, kernels)
        assert not done.returncode, done.stderr
        found.append(output.read_bytes())
        states += [line for line in done.stdout.splitlines() if line.startswith("kernels ")]
    assert states == ["kernels compiled, not cached: no folder was named", "kernels compiled", "kernels cached"]
    assert found[0] == found[1] == found[2]
    expected = MnnSession(tiny.mnn, threads=1).run(image)
    for name, values in read_outputs(tmp_path / "output-2").items():
        np.testing.assert_allclose(values, expected[name].reshape(values.shape), atol=1e-5, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("height", "width", "multiple"),
    [(63, 96, 32), (0, 96, 32), (64, -32, 32), (64, 16384, 32), (160, 128, 128), (128, 160, 128)],
)
def test_a_size_that_the_network_cannot_run_is_refused(
    program: Path, tiny: Tiny, height: int, width: int, multiple: int
) -> None:
    done = run(program, tiny.mnn, height, width, multiple, "input", "output")
    assert done.returncode == 1
    assert f"multiples of {multiple} up to 8192, found {height}x{width}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"this is text, and no model\n" * 40])
def test_a_file_that_is_no_model_is_refused(program: Path, tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "model.mnn"
    model.write_bytes(content)
    done = run(program, model, HEIGHT, WIDTH, 32, "input", "output")
    assert done.returncode == 1
    assert f"error: {model}: no MNN model" in done.stderr


@pytest.mark.parametrize("fit", ["square", "rect"])
def test_the_header_offers_a_fit_and_a_refiner(
    program: Path, demo_bundle: Path, refiner_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path, fit: Fit
) -> None:
    image = np.ascontiguousarray(read_image(demo_pictures[0])[:, 48:336])  # 3:4
    image.tofile(tmp_path / "picture")
    words = (*image.shape[:2], tmp_path / "picture", tmp_path / "output")
    done = run(program, "detect", demo_bundle, refiner_bundle, *words, *["rect"] * (fit == "rect"))
    assert not done.returncode, done.stderr
    expected = Detector(demo_bundle, threads=1, fit=fit, refiner=Refiner(refiner_bundle, threads=1))(image)
    score, points = float(expected.scores[0]), expected.keypoints[0].ravel()
    values = np.fromfile(tmp_path / "output", np.float32)[: 1 + len(points)]
    np.testing.assert_allclose(values, [score, *points], atol=0.5)
    np.testing.assert_allclose(values[0], score, atol=0.01)


def test_a_detector_of_one_size_refuses_other_shapes(
    program: Path, tiny: Tiny, refiner_bundle: Path, tmp_path: Path
) -> None:
    fixed = replace(tiny.manifest, input=replace(tiny.manifest.input, dynamic=False))
    bundle = write_bundle(tmp_path / "fixed.deepmark", fixed, {"model.mnn": tiny.mnn})
    done = run(program, "detect", bundle, refiner_bundle, 4, 4, tmp_path / "none", tmp_path / "output", "rect")
    assert done.returncode == 1
    assert "takes inputs of 64x96 alone: fit must be square, or export it without --fixed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_detector_refuses_a_refiner_of_other_landmarks(
    program: Path, tiny: Tiny, refiner_bundle: Path, tmp_path: Path
) -> None:
    done = run(program, "detect", tiny.bundle, refiner_bundle, 4, 4, tmp_path / "none", tmp_path / "output")
    assert done.returncode == 1
    assert f"the refiner is for other landmarks than {tiny.bundle} finds" in done.stderr


def test_the_stub_defines_each_symbol_once() -> None:
    assert wheel.stub_source(("PyA", "_PyB")).count("char ") == 2


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    text = tmp_path / "library.so"
    text.write_text("text")
    with pytest.raises(EngineError, match="no library"):
        wheel.python_symbols(text)
