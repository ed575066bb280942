"""What the tests of the C++ programs share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from native_programs import Run, run_program
from tiny_network import export_loaded, tiny_loaded

from deepmark.runtime.native import NativeBuild


@pytest.fixture
def run(host_build: NativeBuild) -> Run:
    """Run a program for this computer, which finds the drivers that this process finds."""

    def call(program: str, *words: object) -> tuple[int, list[dict[str, Any]], str]:
        folders = os.pathsep.join([".", os.environ["LD_LIBRARY_PATH"]])
        environment = {**os.environ, "LD_LIBRARY_PATH": folders}
        return run_program(host_build, program, *words, environment=environment, timeout=120)

    return call


@pytest.fixture(scope="session")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network's bundle with golden vectors."""
    folder = tmp_path_factory.mktemp("proven")
    return export_loaded(folder, tiny_loaded(), to=("mnn",), size=(64, 96), heads="dense").path
