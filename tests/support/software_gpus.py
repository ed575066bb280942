"""GPUs without one: PoCL and lavapipe behind our libraries, and MNN's back ends that tools/gpu_toolchain.sh built."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "cache" / "gpu" / f"mnn-{importlib.metadata.version('mnn')}"
SHIMS = {"libOpenCL.so": "libOpenCL.so.1", "libvulkan.so": "libvulkan.so.1"}  # ours -> the real one, which it needs
SOURCES = Path(__file__).parent / "gpu_shims"
LAVAPIPE = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
_DRIVERS = ("libpocl.so.2", "libOpenCL.so.1", "libvulkan.so")


def missing_gpus() -> str | None:
    """What is missing on this machine, as the reason of a skip; None where all is there."""
    if os.environ.get("MNN_GPU_LIBRARIES") is None and not BUILT.is_dir():
        return "tools/gpu_toolchain.sh was not run: no GPU back ends of MNN in build/cache"
    for library in _DRIVERS:
        try:
            ctypes.CDLL(library)
        except OSError:
            return f"tools/gpu_toolchain.sh was not run: no {library}"
    return None if LAVAPIPE.is_file() and shutil.which("gcc") else f"needs gcc and {LAVAPIPE}"


def build_shims(folder: Path) -> None:
    """Build the libraries into a folder."""
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"]
    for name, real in SHIMS.items():
        source, target = SOURCES / Path(name).with_suffix(".c"), folder / name
        link = [f"-Wl,-soname,{name}", "-Wl,--no-as-needed", f"-l:{real}", "-ldl"]
        command = ["gcc", *flags, str(source), "-o", str(target), *link]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def load_opencl_shim(folder: Path) -> None:
    """Load the library into this process, where opening ``libOpenCL.so`` then finds it; it stays.

    Vulkan's counts in child processes only: here the real one may have been opened before.
    """
    ctypes.CDLL(str(folder / "libOpenCL.so"))


def set_environment(shims: Path, patch: pytest.MonkeyPatch) -> None:
    """Let this process and its children find all of it, and PoCL keep what it compiled for other tests."""
    if os.environ.get("MNN_GPU_LIBRARIES") is None:
        patch.setenv("MNN_GPU_LIBRARIES", str(BUILT))
    patch.setenv("LD_LIBRARY_PATH", str(shims))
    patch.setenv("VK_ICD_FILENAMES", str(LAVAPIPE))
    kernels = shims.parent / "pocl-kernels"
    kernels.mkdir(exist_ok=True)
    patch.setenv("POCL_CACHE_DIR", str(kernels))
    for name in [name for name in os.environ if name.startswith("SHIM_")]:
        patch.delenv(name)
