"""The runtime is light: what it imports decides what a phone's host, or a server, must have installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "onnx", "onnxsim", "onnxruntime", "safetensors")


def _loaded_by(code: str) -> str:
    report = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_every_public_name_of_the_runtime_loads_nothing_heavy() -> None:
    assert _loaded_by("from deepmark.runtime import *") == "[]"


@pytest.mark.slow
def test_detecting_with_mnn_loads_nothing_heavy(demo_bundle: Path) -> None:
    code = (
        "import numpy as np; from deepmark.runtime import Detector\n"
        f"Detector({str(demo_bundle)!r}, backend='mnn')(np.zeros((90, 60, 3), np.uint8))"
    )

    assert _loaded_by(code) == "[]"


@pytest.mark.slow
def test_onnx_runtime_is_loaded_when_it_is_asked_for(demo_bundle: Path) -> None:
    code = f"from deepmark.runtime import load_engine; load_engine({str(demo_bundle)!r}, backend='onnxruntime')"

    assert _loaded_by(code) == "['onnxruntime']"
