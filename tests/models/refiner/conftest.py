"""Golden data of PoseFix's own code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def golden(data: Path) -> dict[str, Any]:
    with np.load(data / "posefix.npz") as file:
        return {name: file[name] for name in file.files}
