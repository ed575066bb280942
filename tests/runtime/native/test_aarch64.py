"""The aarch64 programs, cross-built, prove a bundle under an emulated Cortex-A76."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs
from native_programs import require_cross_build

from deepmark.errors import EngineError
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.native import build_native
from deepmark.runtime.native.arm64_wheel import WHEEL_VARIABLE

EMULATOR = "qemu-aarch64-static"


@pytest.fixture
def bundle_of_one_vector(demo_bundle: Path, tmp_path: Path) -> Path:
    """The demo bundle with the first of its vectors alone: an emulator takes 40 s for one."""
    copied = Path(shutil.copytree(demo_bundle, tmp_path / "demo.deepmark"))
    manifest = Manifest.from_json((copied / "manifest.json").read_bytes(), source="test")
    left_out = [name for name in manifest.files if name.startswith("vectors/") and not name.startswith("vectors/0.")]
    for name in left_out:
        (copied / name).unlink()
    files = {name: entry for name, entry in manifest.files.items() if name not in left_out}
    (copied / "manifest.json").write_bytes(structs.replace(manifest, files=files).to_json())
    return copied


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_demo_network_is_equal_on_an_emulated_phone_processor(precision: str, bundle_of_one_vector: Path) -> None:
    require_cross_build()
    build = build_native("aarch64-linux-gnu")
    command = [
        EMULATOR,
        "-cpu",
        "cortex-a76",
        *build.launch("dm_verify"),
        str(bundle_of_one_vector),
        "--threads",
        "1",
        "--precision",
        precision,
    ]
    done = subprocess.run(command, cwd=build.folder, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [line["heads"]["wh"]["tolerance_used"] for line in lines[:-1]]
    assert (max(errors) > 1) == (precision == "fp16")  # half precision was really used
    assert sum(line["objects"]["seen"] for line in lines[:-1]) > 10
    assert lines[-1] == {"event": "end", "equal": True, "precision": precision, "mnn_version": build.mnn_version}


@pytest.mark.parametrize("content", [None, b"no wheel"])
def test_a_wheel_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if shutil.which("aarch64-linux-gnu-g++") is None or shutil.which("cmake") is None:
        pytest.skip("needs aarch64-linux-gnu-g++ and cmake")
    wheel = tmp_path / "mnn-3.6.1-none.whl"
    if content is not None:
        wheel.write_bytes(content)
    monkeypatch.setenv(WHEEL_VARIABLE, str(wheel))
    with pytest.raises(EngineError, match="wheel"):
        build_native("aarch64-linux-gnu")
