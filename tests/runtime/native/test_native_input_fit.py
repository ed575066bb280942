"""The C++ runtime gives a picture an input of the same size as Python: by the table that both share, and far beyond."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from native_programs import compile_program

from deepmark.runtime.input_fit import input_size


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of input_fit_run.cpp, with the sanitizers."""
    return compile_program(tmp_path_factory.mktemp("input_fit"), "input_fit_run", ("input_fit",))


def sizes(program: Path, cases: list[dict[str, Any]]) -> list[str]:
    lines = [
        " ".join(map(str, (*case["picture"], *case["size"], case["multiple"], case["fit"]))) + "\n" for case in cases
    ]
    done = subprocess.run([str(program)], input="".join(lines), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test_the_table_that_both_runtimes_share(program: Path, data: Path) -> None:
    table = json.loads((data / "input_fit.json").read_text())
    single = [case for case in table if "resized" not in case]  # several scales are Python's alone
    assert sizes(program, single) == ["x".join(map(str, case["input"])) for case in single]


def test_it_equals_python_on_any_shape(program: Path) -> None:
    numbers = np.random.default_rng(5)
    cases, expected = [], []
    for multiple in (4, 32, 128) * 300:
        high, wide = (int(side) * multiple for side in numbers.integers(1, 17, 2))
        tall, broad = (int(side) for side in np.exp(numbers.uniform(0, np.log(32767), 2)))
        picture = (tall, broad)
        cases.append({"picture": picture, "size": (high, wide), "multiple": multiple, "fit": "rect"})
        expected.append("x".join(map(str, input_size(picture, (high, wide), multiple=multiple, fit="rect"))))
    assert sizes(program, cases) == expected
