"""ONNX Runtime: quiet, and refusing in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import Tiny

from deepmark.errors import BundleError, EngineError
from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession


@pytest.mark.parametrize("content", [b"", b"hello\n" * 9, None], ids=["empty", "text", "cut short"])
def test_a_file_that_is_no_model_is_refused_in_one_line(
    tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(tiny.onnx.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(BundleError) as caught:
        OnnxRuntimeSession(bad, threads=1)
    assert str(caught.value).startswith("ONNX Runtime cannot load bad.onnx: ")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_run_that_fails_says_why_in_one_line(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    session = OnnxRuntimeSession(tiny.onnx, threads=1)
    with pytest.raises(EngineError, match=r"ONNX Runtime's run failed: .*dimensions") as caught:
        session.run(np.zeros((1, 4, 64, 96), np.float32))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_its_settings_are_what_the_record_says(tiny: Tiny) -> None:
    session = OnnxRuntimeSession(tiny.onnx, threads=2)
    options = session._session.get_session_options()
    assert (session.facts.threads, options.intra_op_num_threads, options.inter_op_num_threads) == (2, 2, 1)
    assert options.execution_mode.name == "ORT_SEQUENTIAL"
    assert options.graph_optimization_level.name == "ORT_ENABLE_ALL"
    assert session.facts.device == "CPUExecutionProvider"
