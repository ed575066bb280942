"""The guard before a conversion, and ``deepmark inspect MODEL.onnx``."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from operator_models import SQUARE, WRONG, OperatorModel, f32, one, shifted
from outcome import Deepmark
from tiny import noise

from deepmark.errors import ConversionError
from deepmark.exporter import to_mnn
from deepmark.exporter.onnx_inspection import inspect_onnx
from deepmark.exporter.operators.graph import read_graph
from deepmark.exporter.operators.guard import find_faults
from deepmark.exporter.to_mnn import convert_to_mnn

ROOT = Path(__file__).resolve().parents[3]


def _saved(model: OperatorModel, path: Path) -> Path:
    onnx.save(model.build(), str(path))
    return path


def test_the_page_is_written_from_the_rules(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "operator_table.py", tmp_path / "new.md"], check=True)

    assert (tmp_path / "new.md").read_text() == (ROOT / "docs" / "mnn-operators.md").read_text(), (
        "run python tools/operator_table.py"
    )


@pytest.mark.slow
def test_our_own_networks_meet_no_rule(demo_bundle: Path, demo_dense_bundle: Path, tiny_onnx: Path) -> None:
    for path in (demo_bundle / "model.onnx", demo_dense_bundle / "model.onnx", tiny_onnx):
        assert find_faults(onnx.load(str(path))) == ()


def test_a_graph_is_refused_before_mnn_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _saved(shifted("Conv", 1, 1, 1, 4), tmp_path / "net.onnx")
    monkeypatch.setattr(to_mnn, "run_tool", lambda *_, **__: pytest.fail("MNN was called"))

    with pytest.raises(
        ConversionError, match=r"^onnx -> mnn: node 'y' \(Add\): .*added per channel.*\(rule 2a\)$"
    ) as e:
        convert_to_mnn(source, tmp_path / "net.mnn")

    assert e.value.hint == "the constant of the full shape (with a Conv or ConvTranspose also: as first input)"
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_what_depends_on_data_is_logged_and_converted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = _saved(one("Round", SQUARE), tmp_path / "net.onnx")

    with caplog.at_level(logging.WARNING):
        convert_to_mnn(source, tmp_path / "net.mnn")

    assert "rule 12i" in caplog.text
    assert (tmp_path / "net.mnn").exists()


@pytest.mark.parametrize("sizes", ["known", "open"])
def test_a_size_that_the_file_leaves_open_makes_a_rule_a_note(sizes: str) -> None:
    model = one("AveragePool", SQUARE, kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1).build()
    if sizes == "open":
        for side in (2, 3):
            model.graph.input[0].type.tensor_type.shape.dim[side].dim_param = f"side{side}"

    (finding,) = find_faults(model)

    assert finding.certain == (sizes == "known")


def test_a_node_that_contradicts_itself_is_refused() -> None:
    """ONNX's checker lets it pass without asking for shapes."""
    convolution = onnx.helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[1, 1, 1])
    sides = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, 4, 4]) for name in "xy"]
    weight = onnx.numpy_helper.from_array(noise(1, 1, 2, 2), "w")
    model = onnx.helper.make_model(onnx.helper.make_graph([convolution], "odd", sides[:1], sides[1:], [weight]))
    onnx.checker.check_model(model)

    with pytest.raises(ConversionError, match=r"node 'y' \(Conv\) has attributes, constants or shapes that do not fit"):
        find_faults(model)


@pytest.mark.parametrize(("side", "certain"), [(3, True), ("rows", False), (4, None)])
def test_shapes_that_may_turn_out_to_be_the_same_make_a_rule_a_note(side: int | str, certain: bool | None) -> None:
    shapes: dict[str, list[int | str]] = {"x": [4, 4], "b": [side, 4], "c": ["rows", 4] if side == "rows" else [4, 4]}
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [4, 4])
    node = onnx.helper.make_node("Max", ["x", "b", "c"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "max", values, [result]))

    assert [one.certain for one in find_faults(model)] == ([] if certain is None else [certain])


def test_weights_of_one_strong_channel_are_a_note_for_8_bits_alone() -> None:
    weight = noise(2, 2, 2, 2) * f32(1, 0.01).reshape(1, 2, 1, 1)
    model = one("ConvTranspose", noise(1, 2, 4, 4), weight, kernel_shape=[2, 2]).build()

    assert [one.rule.number for one in find_faults(model, "w8")] == ["5b"]
    assert find_faults(model, "fp32") == ()
    assert [one.rule.number for one in find_faults(model)] == ["5b"]


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
def test_pools_without_strides_are_refused(operator: str) -> None:
    """MNN cannot run them, so it is not asked here."""
    (finding,) = find_faults(one(operator, SQUARE, kernel_shape=[2, 2]).build())

    assert (finding.rule.number, finding.certain) == ("8e", True)


def test_a_constant_of_a_shape_that_is_left_out_is_refused() -> None:
    nodes = [onnx.helper.make_node("Shape", ["x"], ["s"]), onnx.helper.make_node("ConstantOfShape", ["s"], ["y"])]
    (finding,) = find_faults(OperatorModel(nodes, {"x": SQUARE}).build())

    assert (finding.rule.number, finding.certain) == ("7c", True)


def test_a_file_that_is_no_valid_model_is_refused_in_one_line(tmp_path: Path) -> None:
    """ONNX's own sentence has several."""
    model = one("Relu", SQUARE).build()
    model.graph.node[0].domain = "com.example"
    onnx.save(model, str(tmp_path / "net.onnx"))

    with pytest.raises(
        ConversionError, match=r"^onnx -> mnn: net\.onnx is no valid ONNX model: [^\n]*com\.example[^\n]*$"
    ):
        inspect_onnx(tmp_path / "net.onnx")


@pytest.mark.parametrize("last", [2, 5000])
def test_a_range_is_followed_only_as_far_as_it_is_small(last: int) -> None:
    constants = {"a": np.float32(0), "b": np.float32(last), "d": np.float32(1)}
    model = OperatorModel(
        [onnx.helper.make_node("Range", ["a", "b", "d"], ["r"])], {"x": SQUARE}, constants, outputs=["r"]
    )

    known = read_graph(model.build()).constants

    assert ("r" in known) == (last == 2)


@pytest.mark.slow
def test_inspect_prints_what_would_be_refused_and_ends_with_1(deepmark: Deepmark, tmp_path: Path) -> None:
    source = _saved(WRONG["9a"][0](), tmp_path / "net.onnx")

    outcome = deepmark("inspect", source)

    assert (outcome.code, outcome.out) == (1, "")
    assert "net.onnx: opset 17, 1 nodes: Resize 1" in outcome.err
    assert "y (Resize): WRONG: nearest with ceil or round_prefer_ceil: computed as round_prefer_floor" in outcome.err
    outcome.assert_refused(1, "MNN would get net.onnx wrong (faults: 1)")
    assert "hint: nearest_mode floor or round_prefer_floor" in outcome.err


@pytest.mark.slow
def test_inspect_ends_with_0_where_nothing_is_wrong(deepmark: Deepmark, demo_bundle: Path) -> None:
    outcome = deepmark("inspect", demo_bundle / "model.onnx")

    assert (outcome.code, outcome.out) == (0, "")
    assert "MNN gets every operator right" in outcome.err


@pytest.mark.slow
def test_inspect_as_json_is_one_document(deepmark: Deepmark, tmp_path: Path) -> None:
    source = _saved(one("Add", SQUARE, np.array(1e6, np.float32)), tmp_path / "net.ONNX")

    outcome = deepmark("inspect", source, "--json")

    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == {
        "file": "net.ONNX",
        "opset": 17,
        "operators": {"Add": 1},
        "faults": [],
        "fp16": "'c0' reaches 1e+06, 16 bits end at 65504",
        "back_ends": [],
    }


@pytest.mark.slow
def test_options_for_checkpoints_are_a_wrong_command_line(deepmark: Deepmark, tmp_path: Path) -> None:
    deepmark("inspect", tmp_path / "net.onnx", "--size", "64").assert_refused(
        2, "--schema, --size, --dcn-mask and --table are for checkpoints"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"), [(None, "no file net.onnx"), (b"no model", "net.onnx is no valid ONNX model")]
)
def test_a_file_that_is_no_onnx_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConversionError, match=words) as refusal:
        inspect_onnx(path)
    assert refusal.value.hint


def test_a_library_that_crashes_on_a_file_raises_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "python").chmod(0o755)

    with pytest.raises(ConversionError, match=r"reading net\.onnx ends the ONNX library with SIGSEGV"):
        inspect_onnx(tmp_path / "net.onnx")
