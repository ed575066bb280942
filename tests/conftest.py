"""Fixtures that several folders of tests share."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import pytest
from outcome import Deepmark, Outcome
from shared import run_folder, shared_folder
from software_gpus import build_shims, load_opencl_shim, missing_gpus, set_environment

if TYPE_CHECKING:
    from deepmark.runtime.native import NativeBuild

ROOT = Path(__file__).resolve().parent.parent

importlib.import_module("deepmark")  # before any test imports ONNX Runtime or OpenCV: they read switches that it sets

# One thread a process: several processes run side by side, and torch's threads wait for each other more than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job in the background of a shell ignores Ctrl-C, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Files that take minutes. They come first, or the other processes would wait for them at the end.
LONG_FILES = (
    "exporter/test_networks.py",
    "exporter/test_reference_chain.py",
    "exporter/android/test_app.py",
    "runtime/native/test_aarch64.py",
    "models/training/test_loop.py",
    "models/training/test_ranks.py",
    "runtime/native/test_fuzz.py",
    "benchmarks/device/test_real_programs.py",
    "android/test_engine.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long files begin."""
    order = {ROOT / "tests" / name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the record of models that load, and native builds, out of the user's own cache."""
    folder = run_folder(tmp_path_factory) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPMARK_CACHE", os.fspath(folder))
        yield folder


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Undo what earlier tests of this process did to messages: -q and -v, and libraries that log to their stderr."""
    for logger in (logging.root, logging.getLogger("deepmark")):
        for handler in list(logger.handlers):
            if type(handler) is logging.StreamHandler:  # pytest's own are of types of their own
                logger.removeHandler(handler)
    yield
    logging.getLogger("deepmark").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def data() -> Path:
    """Golden data of the public reference implementation (tests/data/README.md)."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def make_checkpoint(data: Path) -> ModuleType:
    """The script that wrote the checkpoints of the golden data."""
    spec = importlib.util.spec_from_file_location("make_checkpoint", data / "make_checkpoint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def demo_checkpoint() -> Path:
    """The shipped demo network."""
    return ROOT / "models" / "demo" / "mdla34_synthetic_fp16.pth"


@pytest.fixture(scope="session")
def demo_pictures() -> tuple[Path, ...]:
    """The eight drawings beside the demo network, in order."""
    return tuple(sorted((ROOT / "models" / "demo" / "samples").glob("*.png")))


def _objects_of_the_model_card(column: int) -> dict[str, list[tuple[str, float]]]:
    card = (ROOT / "models" / "demo" / "README.md").read_text()
    rows = re.findall(r"^\| (\d) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", card, re.MULTILINE)
    objects = {row[0]: re.findall(r"([a-z]+(?: [a-z]+)*) (\.\d\d)", row[column]) for row in rows}
    return {f"sample{number}.png": [(name, float(score)) for name, score in one] for number, one in objects.items()}


@pytest.fixture(scope="session")
def demo_objects() -> dict[str, list[tuple[str, float]]]:
    """What the model card says is found in each picture at 128x128: classes and scores from .20 on, best first."""
    return _objects_of_the_model_card(2)


@pytest.fixture(scope="session")
def demo_objects_at_256() -> dict[str, list[tuple[str, float]]]:
    """The same at 256x256, which is what `make demo` shows."""
    return _objects_of_the_model_card(1)


@pytest.fixture(scope="session")
def demo_bundle(demo_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo network with sparse heads, ONNX and MNN at 128x128; never written to by a test."""
    return _export_demo(tmp_path_factory, demo_checkpoint, "sparse")


@pytest.fixture(scope="session")
def demo_dense_bundle(demo_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with every head as a whole map."""
    return _export_demo(tmp_path_factory, demo_checkpoint, "dense")


def _export_demo(factory: pytest.TempPathFactory, checkpoint: Path, heads: Literal["dense", "sparse"]) -> Path:
    def make(folder: Path) -> None:
        from deepmark.exporter import export

        export(checkpoint, to=("onnx", "mnn"), output=folder, size=(128, 128), heads=heads, name="demo")

    return shared_folder(factory, f"demo-{heads}", make) / "demo.deepmark"


@pytest.fixture(scope="session")
def refiner_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small refiner of DeepFashion2's 13 classes, seeded and not trained, for MNN; never written to by a test."""
    pytest.importorskip("torch", reason="a refiner is exported")

    def make(folder: Path) -> None:
        from drawn_refiners import write_fresh_refiner

        from deepmark.exporter.refinement.refiner_export import export_refiner

        write_fresh_refiner(folder / "fresh.pth")
        export_refiner(folder / "fresh.pth", ("mnn",), folder)

    return shared_folder(tmp_path_factory, "refiner", make) / "fresh.deepmark"


@pytest.fixture(scope="session")
def host_build(tmp_path_factory: pytest.TempPathFactory) -> NativeBuild:
    """The C++ programs, built once for this computer."""
    from deepmark.runtime.native import build_native

    if missing := [tool for tool in ("cmake", "g++", "nm") if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    shared_folder(tmp_path_factory, "host-build", lambda _: build_native("host"))
    return build_native("host")


@pytest.fixture(scope="session")
def gpu_shims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libOpenCL.so that makes PoCL look like a phone's GPU, and of a libvulkan.so that counts copies.

    Skips where software GPUs are missing.
    """
    if missing := missing_gpus():
        pytest.skip(missing)
    return shared_folder(tmp_path_factory, "gpu-shims", build_shims)


@pytest.fixture
def software_gpus(gpu_shims: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCL finds a Mali-G76 that is PoCL, Vulkan finds lavapipe, and MNN's back ends for both are found."""
    set_environment(gpu_shims, monkeypatch)
    load_opencl_shim(gpu_shims)


@pytest.fixture
def deepmark(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Deepmark:
    """Run ``deepmark ARGS`` in this process, through the real entry point."""
    from deepmark.commands.group import main

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["deepmark", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return Outcome(int(stop.value.code or 0), out, err)

    return call
