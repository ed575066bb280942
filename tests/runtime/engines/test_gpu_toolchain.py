"""``tools/gpu_toolchain.sh``: once, from a crate that is known by its hash, and never half."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
from pathlib import Path

import pytest
from software_gpus import BUILT, ROOT, missing_gpus

TOOL = ROOT / "tools" / "gpu_toolchain.sh"
KEY = hashlib.sha256(TOOL.read_bytes() + (ROOT / "constraints.txt").read_bytes()).hexdigest()[:16]

pytestmark = pytest.mark.skipif(missing_gpus() is not None, reason=str(missing_gpus()))


def _build(cache: Path, cargo_home: Path, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path, "DEEPMARK_CACHE": str(cache), "CARGO_HOME": str(cargo_home)}
    return subprocess.run(["sh", str(TOOL)], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_what_was_built_by_this_very_script_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "gpu" / f"mnn-{importlib.metadata.version('mnn')}"
    folder.mkdir(parents=True)
    (folder / f".built-{KEY}").touch()
    done = _build(tmp_path, tmp_path / "no-cargo")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_crate_with_another_hash_is_refused(tmp_path: Path) -> None:
    registry = tmp_path / "cargo" / "registry" / "cache" / "index"
    registry.mkdir(parents=True)
    (registry / "mnn-sys-0.2.0.crate").write_bytes(b"something else")
    done = _build(tmp_path / "cache", tmp_path / "cargo")
    assert done.returncode == 1
    assert "is another file than expected" in done.stderr
    assert list((tmp_path / "cache" / "gpu").iterdir()) == []


def test_without_cargo_nothing_is_built_and_it_is_said(tmp_path: Path) -> None:
    done = _build(tmp_path / "cache", tmp_path / "cargo")
    assert done.returncode == 0
    assert "does not bring mnn-sys-0.2.0: MNN's GPU back ends are not built" in done.stderr
    assert list((tmp_path / "cache" / "gpu").iterdir()) == []


@pytest.mark.skipif(not BUILT.is_dir(), reason="the libraries are elsewhere")
def test_only_what_is_needed_comes_out() -> None:
    names = {path.name for path in BUILT.iterdir() if not path.name.startswith(".")}
    assert names == {"include", "libMNN_CL.so", "libMNN_Vulkan.so"}
    for name in names:
        assert (BUILT / name).stat().st_size < 8 << 20
