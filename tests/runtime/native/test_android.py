"""The build with Android's tools, as far as it goes without them.

Neither the NDK nor MNN's release for Android is in a package registry. Their places are taken by a toolchain file that
checks the settings it is given and names a clang or g++ for arm64 Linux, and by a libMNN.so that computes nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from native_programs import PROGRAMS, require_cross_build
from tiny import Tiny

from deepmark.benchmarks.device.programs import build_for_phone
from deepmark.errors import EngineError
from deepmark.runtime import native
from deepmark.runtime.native import build_native
from deepmark.runtime.native.android import MNN_VARIABLE, NDK_VARIABLE, android_chain

TOOLCHAIN = """\
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ANDROID_ABI ANDROID_STL ANDROID_PLATFORM)
if(NOT "${{ANDROID_ABI}} ${{ANDROID_STL}}" STREQUAL "arm64-v8a c++_static" OR NOT ANDROID_PLATFORM)
  message(FATAL_ERROR "error: wrong settings '${{ANDROID_ABI}} ${{ANDROID_STL}} ${{ANDROID_PLATFORM}}'")
endif()
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER {c})
set(CMAKE_CXX_COMPILER {cxx})
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
"""
VERSION = "#define MNN_VERSION_MAJOR 3\n#define MNN_VERSION_MINOR {minor}\n#define MNN_VERSION_PATCH 9\n"


@pytest.fixture
def ndk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ndk"
    settings = folder / "build" / "cmake" / "android.toolchain.cmake"
    compiler = folder / "toolchains" / "llvm" / "prebuilt" / "linux-x86_64" / "bin" / "clang++"
    for path in (settings, compiler):
        path.parent.mkdir(parents=True)
    has_clang = shutil.which("clang++") is not None
    names = ("clang", "clang++") if has_clang else ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++")
    (folder / "source.properties").write_text("Pkg.Revision = 27.0.0\n")
    settings.write_text(TOOLCHAIN.format(c=names[0], cxx=names[1]))
    compiler.write_text("#!/bin/sh\necho clang version 18\n")
    compiler.chmod(0o755)
    monkeypatch.setenv(NDK_VARIABLE, str(folder))
    return folder


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the zip was unpacked; its one folder lies in it."""
    folder = tmp_path / "unpacked"
    for name in ("include/MNN", "arm64-v8a"):
        (folder / "mnn_3.6.9_android" / name).mkdir(parents=True)
    (folder / "mnn_3.6.9_android" / "include" / "MNN" / "MNNDefine.h").write_text(VERSION.format(minor=6))
    (folder / "mnn_3.6.9_android" / "arm64-v8a" / "libMNN.so").write_bytes(b"no library")
    monkeypatch.setenv(MNN_VARIABLE, str(folder))
    return folder


def _readelf(option: str, program: Path) -> str:
    command = ["aarch64-linux-gnu-readelf", option, str(program)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_programs_are_built_with_the_ndks_settings(
    ndk: Path,
    release: Path,
    tiny: Tiny,
    demo_pictures: tuple[Path, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_cross_build(wheel=False)
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    library = next(release.glob("*/arm64-v8a/libMNN.so"))
    sources = [f"-I{Path(native.__file__).parent / 'mnn'}", str(PROGRAMS / "fake_mnn.cpp")]
    (library.parent / "libMNN_CL.so").write_bytes(b"no library, and copied all the same")
    command = ["aarch64-linux-gnu-g++", "-shared", "-fPIC", "-Wl,-soname,libMNN.so", *sources, "-o", str(library)]
    subprocess.run(command, check=True)

    build = build_for_phone()

    assert (build.runtime, build.mnn_version, build.files) == (
        "ndk", "3.6.9", ("dm_bench", "dm_detect", "dm_verify", "libMNN.so", "libMNN_CL.so"),
    )  # fmt: skip
    assert build.launch("dm_bench") == ("./dm_bench",)
    program = build.folder / "dm_bench"
    headers = subprocess.run(
        ["aarch64-linux-gnu-readelf", "-lW", program], capture_output=True, text=True, check=True
    ).stdout
    loaded = [line.split()[-1] for line in headers.splitlines() if line.strip().startswith("LOAD")]
    assert loaded
    assert all(int(alignment, 16) >= 16384 for alignment in loaded), headers
    dynamic = subprocess.run(
        ["aarch64-linux-gnu-readelf", "-dW", program], capture_output=True, text=True, check=True
    ).stdout
    assert "[libMNN.so]" in dynamic
    assert "pystub" not in dynamic

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.ppm").write_bytes(b"P6\n2 2\n255\n" + bytes(12))
    emulated = [
        "qemu-aarch64-static",
        "-L",
        "/usr/aarch64-linux-gnu",
        "-E",
        "LD_LIBRARY_PATH=.",
        *build.launch("dm_bench"),
    ]
    done = subprocess.run(
        [*emulated, str(tiny.bundle), "--pictures", str(pictures)],
        cwd=build.folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[0]["runtime"], lines[0]["abi"], lines[0]["mnn_version"]) == ("ndk", "aarch64", "3.6.9")
    assert "no MNN model" in lines[-1]["message"]
    assert f"cannot read {tiny.bundle}" in done.stderr  # of Android's log, which the program has taken over
    done = subprocess.run(
        [*emulated, str(tiny.bundle), "--pictures", str(pictures), "--compute", "opencl"],
        cwd=build.folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "MNN's OpenCL back end is missing: " in json.loads(done.stdout.splitlines()[-1])["message"]


def test_one_of_the_two_names_is_not_enough(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NDK_VARIABLE, raising=False)
    with pytest.raises(EngineError, match=r"android ndk is missing .*set ANDROID_NDK_HOME"):
        build_for_phone()


def test_what_is_no_ndk_is_refused(ndk: Path, release: Path) -> None:
    (ndk / "build" / "cmake" / "android.toolchain.cmake").unlink()
    with pytest.raises(EngineError, match=r"is no NDK: it has no build/cmake/android\.toolchain\.cmake"):
        android_chain()


def test_a_release_without_the_library_or_its_version_is_refused(ndk: Path, release: Path) -> None:
    header = next(release.glob("**/MNNDefine.h"))
    header.write_text(VERSION.format(minor=2))
    with pytest.raises(EngineError, match=r"is MNN 3\.2\.9, expected 3\.6\.x"):
        android_chain()
    header.unlink()
    with pytest.raises(EngineError, match="tells its version"):
        android_chain()
    next(release.glob("*/arm64-v8a/libMNN.so")).unlink()
    with pytest.raises(EngineError, match=r"holds no arm64-v8a/libMNN\.so"):
        build_native("android")
