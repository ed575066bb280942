"""The aarch64 programs, cross-built, prove a bundle under an emulated Cortex-A76."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec import structs
from native_programs import EMULATOR, require_cross_build, run_program

from deepmark.errors import EngineError
from deepmark.exporter.vectors import read_vectors
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.native import build_native
from deepmark.runtime.native.arm64_wheel import WHEEL_VARIABLE


def bundle_of_one_vector(demo_bundle: Path, number: int, copied: Path) -> Path:
    """Copy the demo bundle with one of its vectors alone: an emulator takes 40 s for one."""
    shutil.copytree(demo_bundle, copied)
    manifest = Manifest.from_json((copied / "manifest.json").read_bytes(), source="test")
    kept = f"vectors/{number}."
    left_out = [name for name in manifest.files if name.startswith("vectors/") and not name.startswith(kept)]
    for name in left_out:
        (copied / name).unlink()
    files = {name: entry for name, entry in manifest.files.items() if name not in left_out}
    (copied / "manifest.json").write_bytes(structs.replace(manifest, files=files).to_json())
    return copied


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "number"), [("fp32", -1), ("fp16", 0)], ids=["fp32 rect", "fp16 square"])
def test_the_demo_network_is_equal_on_an_emulated_phone_processor(
    precision: str, number: int, demo_bundle: Path, tmp_path: Path
) -> None:
    """Its last vector has the shape of a 3:4 picture, the first one the model's own size."""
    require_cross_build()
    vectors = read_vectors(open_bundle(demo_bundle))
    sizes = [one.picture.image.shape[:2] for one in vectors]
    assert (sizes[-1], sizes[0]) == ((128, 96), (128, 128))
    bundle = bundle_of_one_vector(demo_bundle, number % len(vectors), tmp_path / "demo.deepmark")
    build = build_native("aarch64-linux-gnu")
    code, lines, printed = run_program(
        build, "dm_verify", bundle, "--threads", 1, "--precision", precision, emulator=EMULATOR, timeout=600
    )
    assert code == 0, f"{lines} {printed}"
    errors = [line["heads"]["wh"]["tolerance_used"] for line in lines[:-1]]
    assert (max(errors) > 1) == (precision == "fp16")  # half precision was really used
    seen = sum(line["objects"]["seen"] for line in lines[:-1])
    assert seen > 10
    assert lines[-1] == {
        "event": "end",
        "equal": True,
        "kept": seen,
        "seen": seen,
        "precision": precision,
        "compute": "cpu",
        "gpu": None,
        "mnn_version": build.mnn_version,
    }


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
