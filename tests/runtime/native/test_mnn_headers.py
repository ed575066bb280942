"""Our declarations of MNN's interface are those of its own headers, which tools/gpu_toolchain.sh keeps."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from native_programs import PROGRAMS
from software_gpus import BUILT

from deepmark.runtime.native import wheel

DECLARATIONS = Path(wheel.__file__).parent / "mnn" / "mnn_api.hpp"
HEADERS = BUILT / "include"


def _compile(declarations: Path) -> subprocess.CompletedProcess[str]:
    if not (HEADERS / "MNN" / "Interpreter.hpp").is_file() or shutil.which("g++") is None:
        pytest.skip("needs g++, and MNN's headers: tools/gpu_toolchain.sh")
    flags = ["-std=c++17", "-fsyntax-only", f"-I{declarations.parent}", "-isystem", str(HEADERS)]
    command = ["g++", *flags, str(PROGRAMS / "mnn_headers.cpp")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_they_are_mnns_own() -> None:
    done = _compile(DECLARATIONS)
    assert not done.returncode, done.stderr


@pytest.mark.parametrize(
    ("ours", "wrong"),
    [
        ("MNN_FORWARD_VULKAN = 7", "MNN_FORWARD_VULKAN = 6"),
        (
            "MemoryMode memory = Memory_Normal;\n    PowerMode power = Power_Normal;",
            "PowerMode power = Power_Normal;\n    MemoryMode memory = Memory_Normal;",
        ),
        ("ErrorCode runSession(Session* session) const;", "ErrorCode runSession(Session* session);"),
        ("    const void* device_interface;\n", ""),
    ],
)
def test_a_difference_that_would_link_does_not_compile(tmp_path: Path, ours: str, wrong: str) -> None:
    text = DECLARATIONS.read_text()
    assert ours in text
    (tmp_path / DECLARATIONS.name).write_text(text.replace(ours, wrong))
    done = _compile(tmp_path / DECLARATIONS.name)
    assert done.returncode
    assert "error:" in done.stderr


def test_every_declared_function_is_compared() -> None:
    declared = set(re.findall(r"(\w+)\([^;{}]*\)(?: const)?;", DECLARATIONS.read_text()))
    compared = set(re.findall(r"FUNCTION\([\w:]*?(\w+)\);", (PROGRAMS / "mnn_headers.cpp").read_text()))
    assert declared - {"static_assert"} == compared
