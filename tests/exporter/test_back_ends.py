"""The table of what MNN's back ends have: held to MNN's sources, and to sessions on software GPUs."""

from __future__ import annotations

import json
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from gpu_models import upsampling_bundle
from operator_network import CHANNELS, SIDE, operator_network
from outcome import Deepmark
from shared import shared_folder
from tiny import convert, make_manifest

from deepmark.exporter.gpu_form import write_gpu_form
from deepmark.exporter.operators.back_ends import MOVES, REGISTERED, BackEnd, has, inspect_for, kind_of, read_for
from deepmark.exporter.operators.graph import read_graph
from deepmark.runtime.engines.gpu_libraries import load_gpu_library
from deepmark.runtime.engines.gpu_settings import Gpu, GpuSettings
from deepmark.runtime.engines.mnn import host_tensor, import_mnn
from deepmark.runtime.engines.operator_placement import run_and_place
from deepmark.runtime.native_libraries import captured_stdout

CRATE = "mnn-sys-0.2.0"  # the one that tools/gpu_toolchain.sh builds from
SOURCES: dict[BackEnd, tuple[str, str]] = {
    "opencl-buffer": ("opencl/execution", r"OP_CREATOR\w*\([^;]*?OpType_(\w+), BUFFER\)"),
    "opencl-image": ("opencl/execution", r"OP_CREATOR\w*\([^;]*?OpType_(\w+), IMAGE\)"),
    "vulkan": ("vulkan/image/execution", r"addCreator\(OpType_(\w+)"),
    "hiai": ("hiai/execution", r"NPUCreatorRegister<[^;]*OpType_(\w+)\)"),
    "nnapi": ("nnapi/execution", r"REGISTER_NNAPI_OP_CREATOR\(\w+, OpType_(\w+)\)"),
}
KNOWN = frozenset().union(*REGISTERED.values()) | MOVES


@pytest.fixture(scope="module")
def registered() -> dict[BackEnd, set[str]]:
    """What the sources of MNN register."""
    cargo = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    archive = next(cargo.glob(f"registry/cache/*/{CRATE}.crate"), None)
    if archive is None:
        pytest.skip(f"tools/gpu_toolchain.sh was not run: no {CRATE}.crate")
    texts: dict[str, list[str]] = {folder: [] for folder, _ in SOURCES.values()}
    with tarfile.open(archive) as crate:
        for member in crate:
            place = member.name.partition("/vendor/source/backend/")[2]
            folder = next((one for one in texts if place.startswith(one) and place.endswith(".cpp")), None)
            if folder and (content := crate.extractfile(member)):
                texts[folder].append(content.read().decode(errors="replace"))
    return {
        one: {kind for text in texts[folder] for kind in re.findall(pattern, text)}
        for one, (folder, pattern) in SOURCES.items()
    }


@pytest.mark.parametrize("back_end", list(SOURCES))
def test_the_table_is_what_the_sources_register(back_end: BackEnd, registered: dict[BackEnd, set[str]]) -> None:
    assert len(registered[back_end]) > 20
    assert registered[back_end] & KNOWN == REGISTERED[back_end]


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each operator in one graph, for MNN."""

    def make(folder: Path) -> None:
        onnx.save(operator_network(), str(folder / "operators.onnx"))
        convert(folder / "operators.onnx", folder / "operators.mnn")

    return shared_folder(tmp_path_factory, "operators", make)


def test_mnn_makes_of_an_operator_what_the_table_says(operators: Path) -> None:
    import_mnn()
    with captured_stdout():
        import MNN.expr

        made = {one.name: one.op_type for one in MNN.expr.load_as_list(str(operators / "operators.mnn"))}
    kinds = _kinds()
    assert len(kinds) == 21
    parts = {"UnaryOp": {"SIGMOID"}, "BinaryOp": {"ADD", "SUB", "MUL"}}  # MNN.expr names those by what they compute
    for name, kind in kinds.items():
        found = made.get(f"{name}_out__before_tr", made[f"{name}_out"])
        assert found in parts.get(kind, {kind}), name


@pytest.mark.usefixtures("software_gpus")
@pytest.mark.parametrize(
    ("gpu", "back_end", "settings"),
    [
        ("opencl", "opencl-buffer", GpuSettings(storage="buffer", tuning="none")),
        ("opencl", "opencl-image", GpuSettings(storage="image", tuning="none")),
        ("vulkan", "vulkan", GpuSettings(tuning="none")),
    ],
)
def test_a_session_runs_there_what_the_table_says(
    operators: Path, gpu: Gpu, back_end: BackEnd, settings: GpuSettings
) -> None:
    mnn = import_mnn()
    load_gpu_library(gpu)
    with captured_stdout():
        interpreter = mnn.Interpreter(str(operators / "operators.mnn"))
        interpreter.setSessionMode(0)
        config: dict[str, Any] = {"backend": gpu.upper(), "numThread": settings.mode(gpu), "precision": 1}
        session = interpreter.createSession(config)
        host = host_tensor(mnn, (1, CHANNELS, SIDE, SIDE))
        np.copyto(host.getNumpyData(), np.random.default_rng(0).normal(size=(1, CHANNELS, SIDE, SIDE)))
        interpreter.getSessionInput(session).copyFrom(host)
        code, placement = run_and_place(interpreter, session)
    assert code == 0
    assert placement.total > 21
    on_cpu = {one.partition("_out")[0] for one in placement.on_cpu}
    assert on_cpu == {name for name, kind in _kinds().items() if not has(back_end, kind)}


def _kinds() -> dict[str, str]:
    """Branch -> type in MNN, by the table."""
    graph = read_graph(operator_network())
    return {node.name: kind_of(node, graph)[1] or "" for node in graph.nodes}


def test_what_depends_on_sizes_alone_does_not_run_there() -> None:
    helper = onnx.helper
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], name="shape"),
        helper.make_node("Cast", ["shape"], ["numbers"], name="cast", to=onnx.TensorProto.FLOAT),
        helper.make_node("Relu", ["x"], ["y"], name="relu"),
        helper.make_node("Softsign", ["y"], ["z"], name="odd"),
    ]
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2, 3, 4]) for name in "xz"]
    model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]))
    (found,) = inspect_for(model, "vulkan")
    assert found.operators == 2
    assert found.unknown == {"Softsign": ("odd",)}
    assert found.sentence() == "Vulkan has 1 of 2 operators; may lack, as the table does not know them, Softsign (1)"


def test_inspect_tells_of_a_processor(deepmark: Deepmark, tmp_path: Path) -> None:
    bundle = upsampling_bundle(tmp_path)
    done = deepmark("inspect", bundle / "model.onnx", "--for", "nnapi")
    assert done.code == 1
    assert "NNAPI has 10 of 11 operators; lacks ConvTranspose, depthwise (1)" in done.err
    assert "MNN's release for Android has no NNAPI" in done.err
    done = deepmark("inspect", bundle / "model.onnx", "--for", "opencl", "--json")
    assert done.code == 0, done.err
    image, buffer = json.loads(done.out)["back_ends"]
    assert image["lacking"] == {}
    assert list(buffer["lacking"]) == ["ConvTranspose, depthwise"]
    done = deepmark("inspect", bundle / "model.onnx", "--for", "hiai")
    assert done.code == 0
    assert "needs Huawei's DDK" in done.err
    (tmp_path / "a.pth").write_bytes(b"x")
    for other in (tmp_path / "a.pth", bundle):
        done = deepmark("inspect", other, "--for", "hiai")
        assert done.code == 2
        assert f"--for is for ONNX files, such as a bundle's model.onnx, found {other.name}" in done.err


def test_the_gpu_s_form_lacks_nothing_anywhere(tmp_path: Path) -> None:
    bundle, target = upsampling_bundle(tmp_path), tmp_path / "gpu.onnx"
    write_gpu_form(bundle / "model.onnx", target, heads=tuple(make_manifest().heads.channels))
    found = read_for(target, "opencl", "vulkan", "hiai", "nnapi")
    assert [one.sentence() for one in found] == [
        f"{name} has 17 of 17 operators"
        for name in ("OpenCL in images", "OpenCL in buffers", "Vulkan", "HiAI", "NNAPI")
    ]
