"""The numbers that Python and C++ share are the same ones."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_numbers", ROOT / "tools" / "shared_numbers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_header_is_what_pythons_constants_give(tool: ModuleType) -> None:
    assert tool.HEADER.read_text() == tool.render(), "run tools/shared_numbers.py"


def test_a_changed_constant_changes_the_header(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.exporter.objects.LANDMARK_CELLS", 0.06)
    assert "constexpr double landmark_cells = 0.06;\n" in tool.render()


@pytest.mark.parametrize("value", [1e-12, 0.1, 1 / 3, 1 / 6, 3e38])
def test_a_float32_comes_back_from_the_double_that_is_written(tool: ModuleType, value: float) -> None:
    line = tool.declaration("name", np.float32(value))
    text = re.fullmatch(r"constexpr double name = (\S+);", line)
    assert text is not None
    assert np.float32(float(text[1])) == np.float32(value)


def test_no_source_has_the_stride_as_a_literal() -> None:
    sources = [
        path for folder in ("src", "programs") for path in (ROOT / "runtime" / "native" / folder).glob("*.[ch]pp")
    ]
    assert sources
    found = [
        f"{path.name}: {line.strip()}"
        for path in sources
        for line in path.read_text().splitlines()
        if re.search(r"(height|width|cells?)\w*[_)]*\s*[/*%] 4\b", line)
    ]
    assert not found
