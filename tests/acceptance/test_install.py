"""The wheel: complete, small, and enough to detect without torch and onnx."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MEBIBYTE = 2**20
LINKS = {f"src/deepmark/{name}" for name in ("models", "exporter", "runtime", "benchmarks", "android_demo")}
SHIPPED = {".java", ".xml", ".c", ".map", ".png", ".py", ".csv", ".jpg", ".css", ".j2", ".cpp", ".hpp"}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist, and the wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder], cwd=ROOT, check=True)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=source, check=True)
    return folder


def test_the_wheel_holds_every_module_and_data_file_and_no_weights(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = {name: f"deepmark/{name}" for name in ("models", "exporter", "runtime", "benchmarks")}
    folders["android-demo/app/src/main"] = "deepmark/android_demo/app/src/main"
    expected = set()
    for folder, target in {**folders, "src/deepmark": "deepmark"}.items():
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT / folder)
            is_data = path.suffix in SHIPPED or path.name in ("CMakeLists.txt", "py.typed")
            if (
                is_data
                and not {"models/demo", "benchmarks/studies"} & {f"{folder}/{inside.parts[0]}"}
                and f"{folder}/{inside.parts[0]}" not in LINKS
            ):
                expected.add(f"{target}/{inside.as_posix()}")

    assert expected - names == set()
    assert not [name for name in names if name.endswith((".pth", ".onnx", ".mnn", ".pyc")) or "/models/demo/" in name]
    assert not [name for name in names if "/studies/" in name]
    assert wheel.stat().st_size < 2 * MEBIBYTE  # half of one are the samples of the Android app


def test_the_sdist_holds_the_tests_and_the_licence_but_no_weights(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"LICENSE", "README.md", "pyproject.toml", "tests/conftest.py", "tests/data/softnms39.npz"} <= names
    weights = [name for name in names if name.endswith((".pth", ".onnx", ".mnn"))]
    assert [name for name in weights if not name.startswith("tests/data/made_without_avx2/")] == []  # two layers


@pytest.fixture
def installed(distributions: Path, tmp_path: Path) -> Path:
    """Python of an environment with the wheel unpacked in it; what it needs is borrowed from the running one."""
    venv.create(tmp_path / "env", with_pip=False)
    (packages,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (wheel,) = distributions.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path / "env" / "bin" / "python"


def test_an_installed_wheel_says_what_a_phone_needs_and_fetches_it(installed: Path, tmp_path: Path) -> None:
    wheels = ROOT / "build" / "wheels"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHONPATH", "MNN_"))}
    shelf = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    environment = {**clean, **shelf, "DEEPMARK_CACHE": str(tmp_path / "cache")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([installed, *words], capture_output=True, text=True, env=environment, cwd=tmp_path)

    home = Path(run("-c", "import deepmark.runtime.native as native; print(native.__file__)").stdout.strip())
    assert home.is_relative_to(tmp_path)
    assert (home.parent / "CMakeLists.txt").is_file()
    before = run("-m", "deepmark", "doctor", "--phone")
    assert before.returncode == 1
    assert "MNN for arm64: deepmark doctor --phone --fetch brings it" in before.stderr

    if not any(wheels.glob("mnn-*aarch64*.whl")):
        pytest.skip("needs build/wheels: tools/phone_toolchain.sh")
    after = run("-m", "deepmark", "doctor", "--phone", "--fetch")
    assert f"from {wheels} into {tmp_path / 'cache' / 'wheels'}" in after.stderr
    found = run("-c", "from deepmark.runtime.native.arm64_wheel import find_arm64_wheel; print(find_arm64_wheel())")
    assert Path(found.stdout.strip()).parent == tmp_path / "cache" / "wheels"


def test_an_empty_environment_detects_after_pip_install(
    distributions: Path, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    (wheel,) = distributions.glob("*.whl")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], capture_output=True, text=True)
    if installed.returncode and "Could not find a version" in installed.stderr:
        pytest.skip("no package index is reachable")
    assert installed.returncode == 0, installed.stderr
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    for module in ("torch", "onnx", "onnxruntime"):
        assert subprocess.run([python, "-c", f"import {module}"], capture_output=True, env=clean).returncode, module
    options = ("-o", tmp_path / "out", "--threshold", "0.2")
    end = subprocess.run(
        [tmp_path / "env" / "bin" / "deepmark", "detect", demo_bundle, demo_pictures[5], *options],
        capture_output=True,
        text=True,
        env=clean,
        cwd=tmp_path,
    )

    assert end.returncode == 0, end.stderr
    assert "shorts" in (tmp_path / "out" / "detections.jsonl").read_text()
