"""Deformable convolutions in ONNX: the operator at a version that has it, and the same numbers without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper
from tiny_deformable import tiny_deformable
from tiny_network import HEADS

from deepmark.errors import ConversionError
from deepmark.exporter.deformable import mnn_form
from deepmark.exporter.deformable.decomposition import FOR_MNN, PORTABLE, LayerForm, decompose, decompose_onnx
from deepmark.exporter.deformable.mnn_form import part_count
from deepmark.exporter.operators.guard import find_faults
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.to_onnx import check_onnx, export_onnx, simplify_onnx
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings

SIZE = (64, 96)
SHAPES = ((1, 3, 64, 96), (2, 3, 32, 64), (1, 3, 128, 32))

Decomposed = Callable[..., Path]


def image(*shape: int) -> F32:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def expected(network: torch.nn.Module, x: F32) -> dict[str, F32]:
    with torch.inference_mode():
        return {name: head.numpy() for name, head in network(torch.from_numpy(x)).items()}


def run_onnx(path: Path, x: F32) -> dict[str, F32]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip(HEADS, session.run(list(HEADS), {"image": x}), strict=True))


def assert_close(found: dict[str, F32], right: dict[str, F32], atol: float) -> None:
    for name, head in right.items():
        np.testing.assert_allclose(found[name], head, atol=atol, err_msg=name)


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(str(path)).graph.node}


def opset(path: Path) -> int:
    (one,) = onnx.load(str(path)).opset_import
    return int(one.version)


@pytest.fixture
def decomposed(native_onnx: Path, tmp_path: Path) -> Decomposed:
    def make(form: LayerForm, source: Path = native_onnx) -> Path:
        path = tmp_path / "decomposed.onnx"
        decompose_onnx(source, path, form, heads=tuple(HEADS), size=SIZE, multiple=32)
        return path

    return make


def test_a_traced_network_holds_deform_conv_at_an_opset_that_has_it(native_onnx: Path) -> None:
    model = onnx.load(str(native_onnx))
    assert sum(node.op_type == "DeformConv" for node in model.graph.node) == 3
    assert opset(native_onnx) == 19
    assert "BatchNormalization" not in operators(native_onnx)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_operator_gives_what_torch_gives(native_onnx: Path, shape: tuple[int, ...]) -> None:
    x = image(*shape)
    assert_close(run_onnx(native_onnx, x), expected(tiny_deformable(), x), atol=1e-4)


@pytest.mark.parametrize("form", [PORTABLE, FOR_MNN])
@pytest.mark.parametrize("shape", SHAPES)
def test_other_operators_give_the_same_at_any_size(
    decomposed: Decomposed, form: LayerForm, shape: tuple[int, ...]
) -> None:
    path = decomposed(form)
    assert "DeformConv" not in operators(path)
    assert opset(path) == 17
    x = image(*shape)
    assert_close(run_onnx(path, x), expected(tiny_deformable(), x), atol=1e-4)


def test_the_portable_form_is_one_of_opset_16_with_maps_of_four_dimensions(decomposed: Decomposed) -> None:
    path = decomposed(PORTABLE)
    model = onnx.load(str(path))
    model.opset_import[0].version = 16
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model)
    ranks = {one.name: len(one.type.tensor_type.shape.dim) for one in inferred.graph.value_info}
    samples = [node for node in model.graph.node if node.op_type == "GridSample"]
    assert len(samples) == 27
    assert {ranks[node.output[0]] for node in samples} == {4}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [0, 3])
def test_mnn_gives_the_same_at_any_size(
    decomposed: Decomposed, tmp_path: Path, shape: tuple[int, ...], level: int
) -> None:
    path = tmp_path / "net.mnn"
    convert_to_mnn(decomposed(FOR_MNN), path)
    session = MnnSession(path, 1, MnnSettings(winograd=level))
    x = image(*shape)
    right = expected(tiny_deformable(), x)
    scale = max(float(np.abs(head).max()) for head in right.values())
    assert_close(session.run(x), right, atol=(1e-4 if level == 0 else 2e-3) * scale)
    session.close()


def test_what_mnn_gets_meets_no_rule_of_the_guard_and_the_operator_itself_does(
    native_onnx: Path, decomposed: Decomposed, tmp_path: Path
) -> None:
    assert find_faults(onnx.load(str(decomposed(FOR_MNN)))) == ()
    with pytest.raises(ConversionError, match="DeformConv"):
        convert_to_mnn(native_onnx, tmp_path / "net.mnn")


def test_maps_that_are_computed_in_parts_give_the_same(decomposed: Decomposed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnn_form, "PART_BYTES", 1 << 10)
    path = decomposed(FOR_MNN)
    assert sum(node.op_type == "GridSample" for node in onnx.load(str(path)).graph.node) > 27
    for shape in SHAPES:
        x = image(*shape)
        assert_close(run_onnx(path, x), expected(tiny_deformable(), x), atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "size", "least_cells", "parts"),
    [
        (64, (32, 32), 64, 1),  # 256 KiB
        (64, (64, 64), 64, 4),
        (128, (32, 32), 16, 2),
        (256, (128, 128), 4, 4),  # as many as the smallest map has cells
        (256, (128, 128), 1, 1),
    ],
)
def test_parts_fit_a_cache_and_divide_every_map(
    channels: int, size: tuple[int, int], least_cells: int, parts: int
) -> None:
    assert part_count(channels, size, least_cells) == parts


@pytest.mark.parametrize("form", [PORTABLE, FOR_MNN])
def test_offsets_far_outside_read_zeros(tmp_path: Path, form: LayerForm) -> None:
    network = tiny_deformable(spread=300.0)
    paths = [tmp_path / f"{name}.onnx" for name in ("native", "decomposed")]
    export_onnx(network, paths[0], heads=tuple(HEADS), size=SIZE, dynamic=True, logits=True, metadata="ours")
    decompose_onnx(paths[0], paths[1], form, heads=tuple(HEADS), size=SIZE, multiple=32)
    x = image(1, 3, *SIZE)
    for path in paths:
        assert_close(run_onnx(path, x), expected(network, x), atol=2e-2)  # a step of 1e-4 cells moves sharp samples


def test_a_simplified_graph_is_decomposed_as_well(native_onnx: Path, tmp_path: Path, decomposed: Decomposed) -> None:
    pytest.importorskip("onnxsim")
    simplify_onnx(native_onnx, tmp_path / "simple.onnx", heads=tuple(HEADS))
    assert opset(tmp_path / "simple.onnx") == 19
    x = image(1, 3, *SIZE)
    path = decomposed(FOR_MNN, tmp_path / "simple.onnx")
    assert_close(run_onnx(path, x), expected(tiny_deformable(), x), atol=1e-4)


def test_the_metadata_and_all_other_weights_come_along(native_onnx: Path, decomposed: Decomposed) -> None:
    before, after = (onnx.load(str(path)) for path in (native_onnx, decomposed(PORTABLE)))
    assert after.metadata_props == before.metadata_props
    kept = {one.name for one in after.graph.initializer}
    assert {one.name for one in before.graph.initializer if "hm" in one.name} <= kept
    read = {name for node in after.graph.node for name in node.input}
    assert kept <= read


def test_the_same_graph_gives_the_same_bytes(decomposed: Decomposed) -> None:
    first = decomposed(FOR_MNN).read_bytes()
    assert decomposed(FOR_MNN).read_bytes() == first


@pytest.mark.parametrize(("attribute", "value"), [("strides", [2, 2]), ("offset_group", 2), ("dilations", [2, 2])])
def test_a_layer_that_is_none_of_ours_is_refused_by_name(native_onnx: Path, attribute: str, value: object) -> None:
    model = onnx.load(str(native_onnx))
    node = next(node for node in model.graph.node if node.op_type == "DeformConv")
    kept = [one for one in node.attribute if one.name != attribute]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(attribute, value)])
    with pytest.raises(ConversionError, match=r"conv/DeformConv' is no deformable convolution of ours"):
        decompose(model, PORTABLE, SIZE, 32)


def test_no_file_of_an_older_opset_can_hold_the_operator(
    native_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(str(native_onnx))
    model.opset_import[0].version = 17
    with pytest.raises(ConversionError, match="opset 17 has no DeformConv"):
        check_onnx(model, heads=tuple(HEADS))
    monkeypatch.setattr("deepmark.exporter.to_onnx.DEFORM_CONV_OPSET", 18)  # a mistake that someone might make
    with pytest.raises(ConversionError, match="version 19"):
        export_onnx(
            tiny_deformable(),
            tmp_path / "net.onnx",
            heads=tuple(HEADS),
            size=SIZE,
            dynamic=True,
            logits=True,
            metadata="ours",
        )
