"""Make ``tiny.deepmark`` on a processor without AVX2 and FMA, from the repository's root, emulated::

    qemu-x86_64 -cpu Nehalem .venv/bin/python tests/data/made_without_avx2/make_bundle.py

torch, ONNX Runtime and MNN compute what the golden vectors hold with SSE alone then. (The child process that converts to
MNN is not emulated; it computes no heads.) Anywhere else it refuses: the bundle would be one of that processor.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "support"))

import torch  # noqa: E402
from tiny_network import tiny_loaded  # noqa: E402

import deepmark.models.loading  # noqa: E402
from deepmark.exporter import export  # noqa: E402


def main() -> None:
    found = torch.backends.cpu.get_cpu_capability()
    if found != "DEFAULT":
        sys.exit(f"torch computes with {found} here: run this as its first lines say")
    deepmark.models.loading.load_checkpoint = lambda *_, **__: tiny_loaded()  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "tiny.pth"
        checkpoint.write_bytes(b"stands for weights")
        made = export(checkpoint, ("onnx", "mnn"), folder, size=(64, 96), heads="dense", on_progress=print)
        shutil.rmtree(HERE / "tiny.deepmark", ignore_errors=True)
        shutil.copytree(made.path, HERE / "tiny.deepmark")


if __name__ == "__main__":
    main()
