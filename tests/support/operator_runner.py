"""Converts and runs all models of a folder with MNN, and with nothing of ours: ``python operator_runner.py FOLDER``.

Beside every ``NAME.onnx`` lies ``NAME.npz`` with its inputs. ``NAME.json`` gets what the converter printed and the exit
code of the run, ``NAME.out.npz`` the outputs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import _tools
import MNN
import numpy as np

from deepmark.runtime.native_libraries import captured_stdout


def _tensor(shape: tuple[int, ...]) -> Any:
    return MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)


def _run(model: Path, feeds: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    interpreter = MNN.Interpreter(str(model))
    session = interpreter.createSession({"backend": "CPU", "numThread": 1})
    inputs = interpreter.getSessionInputAll(session)
    for name, tensor in inputs.items():
        interpreter.resizeTensor(tensor, feeds[name].shape)
    interpreter.resizeSession(session)
    for name, tensor in inputs.items():
        host = _tensor(feeds[name].shape)
        np.copyto(host.getNumpyData(), feeds[name])
        tensor.copyFrom(host)
    code = interpreter.runSession(session)
    results = {}
    for name, tensor in interpreter.getSessionOutputAll(session).items() if code == 0 else ():
        host = _tensor(tensor.getShape())
        tensor.copyToHostTensor(host)
        results[name] = np.array(host.getNumpyData())
    return code, results


def main(folder: Path) -> None:
    """Do all of them, in the order of their names."""
    for source in sorted(folder.glob("*.onnx")):
        target = source.with_suffix(".mnn")
        arguments = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target), "--bizCode", "rule"]
        with captured_stdout() as printed:
            _tools.mnnconvert(["MNNConvert", *arguments])
        code = None
        if target.is_file():
            feeds = dict(np.load(source.with_suffix(".npz")))
            with captured_stdout():
                code, results = _run(target, feeds)
            np.savez(source.with_suffix(".out.npz"), **results)
        source.with_suffix(".json").write_text(json.dumps({"printed": printed.text, "code": code}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
