"""The doctor tells what is here, what is missing, and what to do."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Deepmark

from deepmark.runtime import installation
from deepmark.runtime.installation import examine
from deepmark.runtime.tool_chain_part import ToolChainPart

Pretend = Callable[..., None]

load_failure = installation._load_failure


@pytest.fixture(autouse=True)
def everything_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no process for every look; the tests that are about loading take this back."""
    monkeypatch.setattr(installation, "_load_failure", lambda _: None)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Pretend that distributions have other versions, or None for not installed."""

    def install(**versions: str | None) -> None:
        wanted = {name.replace("_", "-"): version for name, version in versions.items()}
        real = importlib.metadata.version

        def version(name: str) -> str:
            found = wanted[name] if name in wanted else real(name)
            if found is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return found

        monkeypatch.setattr(importlib.metadata, "version", version)

    return install


def _part(name: str) -> ToolChainPart:
    (part,) = (part for part in examine() if part.name == name)
    return part


@pytest.mark.slow
def test_this_machine_can_detect(deepmark: Deepmark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_load_failure", load_failure)

    outcome = deepmark("doctor")

    assert outcome.code == 0
    assert outcome.out == ""
    for name in (
        "python",
        "opencv",
        "numpy",
        "mnn",
        "onnxruntime",
        "torch",
        "processor",
        "cache folder",
        "cmake",
        "g++",
        "aarch64-linux-gnu-g++",
        "qemu-aarch64-static",
        "MNN for arm64",
        "adb",
    ):
        assert name in outcome.err


def test_json_lists_the_same_parts(deepmark: Deepmark) -> None:
    document = json.loads(deepmark("doctor", "--json").out)

    assert document["ok"] is True
    parts = {part["name"]: part for part in document["parts"]}
    assert parts["numpy"]["found"] == importlib.metadata.version("numpy")
    assert parts["numpy"]["required"] is True
    assert parts["torch"]["required"] is False
    assert all(part["ok"] or part["remedy"] for part in parts.values())


def test_what_stands_in_the_way_of_a_neural_processor_is_said(deepmark: Deepmark) -> None:
    """Nothing pretends to offer it."""
    outcome = deepmark("doctor", "--phone")
    for words in ("not offered", "Huawei's DDK", "not kept up and not verified", "lacks depthwise deconvolutions"):
        assert words in " ".join(outcome.err.split())
    assert not _part("NPU").ok
    assert not _part("NPU").required


def test_mnn_s_back_ends_for_gpus_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNN_GPU_LIBRARIES", str(tmp_path))
    (tmp_path / "libMNN_CL.so").touch()
    assert _part("MNN for OpenCL").found == str(tmp_path / "libMNN_CL.so")
    assert "gpu_toolchain.sh" in str(_part("MNN for Vulkan").remedy)


def test_without_mnn_nothing_can_be_detected(pretend: Pretend, deepmark: Deepmark) -> None:
    pretend(mnn=None)

    outcome = deepmark("doctor")

    assert outcome.code == 1
    assert "error: deepmark detect cannot work here: mnn (missing)\nhint: pip install mnn\n" in outcome.err


def test_the_json_document_of_a_sick_machine_is_still_one_document(pretend: Pretend, deepmark: Deepmark) -> None:
    pretend(mnn=None)

    outcome = deepmark("doctor", "--json")

    assert outcome.code == 1
    assert json.loads(outcome.out)["ok"] is False


def test_what_only_export_needs_may_be_missing(pretend: Pretend, deepmark: Deepmark) -> None:
    pretend(torch=None, onnx=None, onnxsim=None)

    outcome = deepmark("doctor")

    assert outcome.code == 0
    assert "torch: pip install 'deepmark-export[export]'" in outcome.err


def test_a_library_that_does_not_load_is_found_out(monkeypatch: pytest.MonkeyPatch, deepmark: Deepmark) -> None:
    monkeypatch.setattr(installation, "_load_failure", lambda name: "libGL.so.1: not found" if name == "cv2" else None)

    outcome = deepmark("doctor")

    assert outcome.code == 1
    assert "it does not load: libGL.so.1: not found" in outcome.err


def test_loading_is_tried_in_a_process_that_may_crash() -> None:
    assert load_failure("json") is None
    assert load_failure("no_such_module") == "ModuleNotFoundError: No module named 'no_such_module'"
    assert load_failure("os; os.abort()") == "exit status -6"


def test_two_opencv_wheels_are_named(pretend: Pretend) -> None:
    pretend(opencv_python_headless="4.10.0", opencv_python="4.9.0", opencv_contrib_python=None)

    part = _part("opencv")

    assert part.found == "opencv-python-headless 4.10.0 and opencv-python 4.9.0"
    assert "only one" in str(part.remedy)


@pytest.mark.parametrize(("wheel", "advice"), [("opencv_python", None), ("opencv_python_headless", "no windows")])
def test_a_wheel_without_windows_is_said(wheel: str, advice: str | None, pretend: Pretend) -> None:
    pretend(**{"opencv_python_headless": None, wheel: "5.0.0"})

    part = _part("opencv")

    assert part.ok
    assert part.remedy is None if advice is None else advice in str(part.remedy)


def test_no_opencv_at_all_is_said(pretend: Pretend) -> None:
    pretend(opencv_python_headless=None)

    assert (_part("opencv").ok, _part("opencv").found) == (False, None)


def test_an_ndk_is_found_where_android_s_tools_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("25.1.1", "27.0.2"):
        folder = tmp_path / "ndk" / version
        folder.mkdir(parents=True)
        (folder / "source.properties").write_text(f"Pkg.Desc = Android NDK\nPkg.Revision = {version}\n")
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))

    assert str(_part("android ndk").found).startswith("27.0.2, ")

    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path / "ndk" / "25.1.1"))
    assert str(_part("android ndk").found).startswith("25.1.1, ")

    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME")
    assert (_part("android ndk").ok, _part("android ndk").found) == (False, f"{tmp_path} is no NDK")


def test_adb_tells_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _part("adb").found is None

    adb = tmp_path / "adb"
    adb.write_text("#!/bin/sh\necho 'Android Debug Bridge version 1.0.41'\necho 'Version 36.0.0-13206524'\n")
    adb.chmod(0o755)
    assert _part("adb").found == f"36.0.0-13206524, {adb}"


def test_a_cache_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "file"))

    part = _part("cache folder")

    assert (part.ok, part.remedy) == (False, "set DEEPMARK_CACHE to a folder")


@pytest.mark.slow
def test_the_doctor_imports_nothing_heavy() -> None:
    script = "import sys\nfrom deepmark.runtime.installation import examine\nlist(examine())\n"
    script += "print([name for name in ('torch', 'cv2', 'MNN', 'onnx', 'onnxruntime') if name in sys.modules])"

    end = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert end.stdout.strip() == "[]"


def test_the_arm64_library_is_where_its_variable_says_or_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MNN_AARCH64_WHEEL", raising=False)
    absent = _part("MNN for arm64")
    assert (absent.ok, absent.found) == (False, None)
    assert "deepmark doctor --phone --fetch" in str(absent.remedy)

    monkeypatch.setenv("MNN_AARCH64_WHEEL", str(tmp_path / "mnn.whl"))
    assert f"found '{tmp_path / 'mnn.whl'}'" in str(_part("MNN for arm64").found)

    (tmp_path / "mnn.whl").write_bytes(b"x")
    assert (_part("MNN for arm64").ok, _part("MNN for arm64").remedy) == (True, None)


def test_what_a_phone_needs_is_listed_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deepmark: Deepmark
) -> None:
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path))
    for name in ("MNN_AARCH64_WHEEL", "ANDROID_NDK_HOME", "MNN_ANDROID"):
        monkeypatch.delenv(name, raising=False)

    done = deepmark("doctor", "--phone", "--json")

    document = json.loads(done.out)
    parts = {part["name"]: part for part in document["parts"]}
    assert (done.code, document["ok"]) == (1, False)
    assert [name for name, part in parts.items() if part["required"]] == [
        "adb",
        "cmake",
        "nm",
        "aarch64-linux-gnu-g++",
        "MNN for arm64",
    ]
    assert "qemu-aarch64-static" not in parts
    assert "error: deepmark bench --device adb cannot work here: " in done.err

    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    document = json.loads(deepmark("doctor", "--phone", "--json").out)
    assert [part["name"] for part in document["parts"] if part["required"]] == [
        "adb",
        "cmake",
        "android ndk",
        "MNN for Android",
    ]
