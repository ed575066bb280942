"""Write the C++ header of the numbers that Python and C++ share: ``.venv/bin/python tools/shared_numbers.py``.

Python's constants are where a number is changed; a test fails while the header says another.
"""

from __future__ import annotations

import importlib
from dataclasses import fields
from pathlib import Path

import numpy as np

HEADER = Path(__file__).parents[1] / "runtime" / "native" / "src" / "shared_numbers.hpp"
FIRST_LINES = """\
// Written by tools/shared_numbers.py from the constants of these Python files: change them there.
#pragma once

namespace deepmark {
"""

# Module -> its constants. In C++ they have the same names in small letters, or another one where that is taken.
CONSTANTS: dict[str, tuple[str, ...]] = {
    "runtime.cpu": ("MOST_THREADS_BY_DEFAULT",),
    "runtime.manifest": ("SCHEMA_VERSION", "MAX_INPUT_PIXELS"),
    "runtime.bundle": ("MAX_MANIFEST_BYTES",),
    "runtime.bundle_files": ("MAX_FILE_BYTES",),
    "runtime.transform": ("WARP_LIMIT",),
    "runtime.heads.maps": ("STRIDE",),
    "runtime.engines.mnn": ("MOST_SQUARED",),
    "runtime.decoding.decoder": ("PROBABILITY_SLACK",),
    "runtime.decoding.peaks": ("CELL_CENTRE", "FARTHEST"),
    "runtime.decoding.candidates": ("UNDERFLOW", "LOOSER"),
    "runtime.decoding.landmarks": ("MASK_DIVISOR", "SMALLEST_SIGMA", "NEAREST_LIMIT", "LOG_ROUNDING"),
    "runtime.refinement.refiner": ("LEAST_SCORE",),
    "runtime.refinement.refiner_manifest": ("MULTIPLE", "MAX_SIDE"),
    "runtime.refinement.pose_crop": ("POSE_MARGIN", "CROP_MARGIN", "NO_EXTENT"),
    "exporter.parity": ("ATOL", "RTOL", "OTHER_BLOCKS_RTOL"),
    "exporter.objects": ("SCORE_FLOOR", "SCORE_TOLERANCE", "LANDMARK_CELLS"),
    "exporter.precision.agreement": ("SAME", "LEAST_EXTENT"),
    "exporter.precision.plan": ("MIN_KEPT",),
    "exporter.gpu_verification": ("FP16_RTOL",),
}
NAMES = {
    "ATOL": "parity_atol",  # `atol` is C's own
    "RTOL": "parity_rtol",
    "SAME": "same_object",
    "LEAST_SCORE": "least_refined_score",
    "MULTIPLE": "refiner_multiple",
    "MAX_SIDE": "longest_refiner_side",
}


def render() -> str:
    """Return the header's text."""
    from deepmark.runtime.decoding.params import DecoderParams

    parts = [FIRST_LINES]
    for module, constants in CONSTANTS.items():
        found = importlib.import_module(f"deepmark.{module}")
        lines = [declaration(NAMES.get(name, name.lower()), getattr(found, name)) for name in constants]
        parts.append("\n".join([f"// {module.replace('.', '/')}.py", *lines, ""]))
    defaults = {field.name: field.default for field in fields(DecoderParams)}
    lines = [
        declaration(f"default_{name}", value)
        for name, value in defaults.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    parts.append("\n".join(["// runtime/decoding/params.py", *lines, ""]))
    parts.append("}  // namespace deepmark\n")
    return "\n".join(parts)


def declaration(name: str, value: float | np.float32) -> str:
    """Return the line of one number; a float32 as the shortest decimal that C++ makes the same float of."""
    if isinstance(value, int):
        assert abs(value) < 2**31, name
        return f"constexpr int {name} = {value};"
    text = str(value)
    assert type(value)(float(text)) == value, name
    return f"constexpr double {name} = {text};"


if __name__ == "__main__":
    HEADER.write_text(render())
