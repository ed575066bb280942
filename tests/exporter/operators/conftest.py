"""What MNN really makes of all models of the rules, found out once, in one child process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from operator_models import REFUSED, RIGHT, WRONG, Array, OperatorModel

RUNNER = Path(__file__).parents[2] / "support" / "operator_runner.py"
NEWEST_SET = 22  # of ONNX Runtime 1.32, as far as these models go; newer ones run in ONNX's own evaluator


@dataclass(frozen=True)
class MnnRun:
    """What MNN made of a model.

    ``printed`` is the converter's log; ``code`` is what the run returned, None where no model was written.
    """

    printed: str
    code: int | None
    found: Array | None
    expected: Array

    @property
    def right(self) -> bool:
        """Whether MNN gave what ONNX Runtime gives."""
        if self.code != 0 or self.found is None or self.found.shape != self.expected.shape:
            return False
        return np.allclose(self.found, self.expected, rtol=1e-4, atol=1e-5)


def all_models() -> Iterator[tuple[str, Callable[[], OperatorModel]]]:
    """Give the name of a model in tests, and what makes it."""
    for rule, makers in (*WRONG.items(), *REFUSED.items()):
        for number, make in enumerate(makers):
            yield f"{rule}-{number}", make
    yield from RIGHT.items()


def _expected(model: onnx.ModelProto, feeds: dict[str, Array]) -> Array:
    if max(one.version for one in model.opset_import) > NEWEST_SET:
        result: Any = ReferenceEvaluator(model).run(["y"], feeds)
    else:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        result = session.run(["y"], feeds)
    return np.asarray(result[0])


@pytest.fixture(scope="session")
def mnn_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MnnRun]:
    """Convert and run every model; nothing among them crashes or hangs MNN."""
    folder = tmp_path_factory.mktemp("rules")
    expected = {}
    for name, make in all_models():
        spec = make()
        model = spec.build()
        onnx.save(model, str(folder / f"{name}.onnx"))
        np.savez(folder / f"{name}.npz", **dict[str, Any](spec.feeds))
        expected[name] = _expected(model, dict(spec.feeds))
    done = subprocess.run([sys.executable, "-P", RUNNER, folder], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    runs = {}
    for name, right in expected.items():
        result = json.loads((folder / f"{name}.json").read_text())
        given = dict(np.load(folder / f"{name}.out.npz")) if result["code"] is not None else {}
        runs[name] = MnnRun(result["printed"], result["code"], given.get("y"), right)
    return runs
