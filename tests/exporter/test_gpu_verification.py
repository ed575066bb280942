"""``deepmark verify --compute``: the golden vectors on software GPUs, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from outcome import Deepmark

from deepmark.exporter.gpu_verification import FP16_RTOL
from deepmark.runtime.manifest import FileEntry, Manifest

pytestmark = pytest.mark.usefixtures("software_gpus")


def test_every_back_end_gives_what_the_network_gave(deepmark: Deepmark, tiny_bundle: Path) -> None:
    for compute, named in (("vulkan", "(Vulkan, IMAGE)"), ("opencl", "Mali-G76 (OpenCL, IMAGE)")):
        done = deepmark("verify", tiny_bundle, "--compute", compute, "--gpu-tuning", "none", "--json")
        assert done.code == 0, done.err
        found = json.loads(done.out)
        (engine,), (hop,) = found["engines"], found["parity"]
        assert engine["placement"].endswith(named)
        ran, _, total = engine["placement"].split()[:3]
        assert ran == total
        assert hop["candidate"] == f"mnn ({compute})"
        assert max(head["tolerance_used"] for head in hop["heads"]) < 0.1
        assert found["kept"] == found["objects"] > 0


def test_fp16_is_judged_by_objects(deepmark: Deepmark, tiny_bundle: Path) -> None:
    done = deepmark("verify", tiny_bundle, "--compute", "vulkan", "--gpu-precision", "normal", "--gpu-tuning", "none")
    assert done.code == 0, done.err
    assert "fp16, sums in fp32" in done.err
    assert "objects that both have" in done.err
    assert "milliseconds before the first picture: create" in done.err
    assert "kernels cached" in done.err


def test_another_network_does_not_pass(deepmark: Deepmark, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "other.deepmark"))
    vector, manifest = bundle / "vectors" / "0.json", bundle / "manifest.json"
    document = json.loads(vector.read_text())
    wh = document["heads"]["wh"]
    wh["values"] = [value + 2 * FP16_RTOL * wh["scale"] + 0.1 for value in wh["values"]]
    vector.write_text(json.dumps(document))
    listed = Manifest.from_json(manifest.read_bytes(), source="")
    entry = FileEntry(hashlib.sha256(vector.read_bytes()).hexdigest(), vector.stat().st_size)
    manifest.write_bytes(msgspec.structs.replace(listed, files={**listed.files, "vectors/0.json": entry}).to_json())
    for precision in ("high", "normal"):
        done = deepmark("verify", bundle, "--compute", "vulkan", "--gpu-precision", precision, "--gpu-tuning", "none")
        assert done.code == 3
        assert "mnn (vulkan) is not equal to torch: wh differs" in done.err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--gpu-precision", "normal"], "--gpu-precision goes with --compute opencl or vulkan"),
        (["--compute", "vulkan", "--threads", "2"], "--threads is of the CPU"),
        (["--compute", "vulkan", "--native", "--atol", "1"], "the C++ runtime has its own tolerances"),
        (["--compute", "cuda"], "'cuda' is not one of"),
        (["--compute", "vulkan", "--opencl-storage", "buffer"], "--opencl-storage goes with --compute opencl"),
        (["--compute", "vulkan", "--gpu-tuning", "fast"], "tuning must be one of none, heavy, wide on Vulkan"),
        (["--compute", "vulkan", "--gpu-tuning", "fast", "--native"], "none, heavy, wide on Vulkan, found 'fast'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    deepmark: Deepmark, tiny_bundle: Path, options: list[str], expected: str
) -> None:
    done = deepmark("verify", tiny_bundle, *options)
    assert done.code == 2
    assert expected in done.err
