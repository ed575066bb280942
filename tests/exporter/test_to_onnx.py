"""Network -> ONNX: what is in the file is what was asked for, and always the same."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny_network import HEADS, TinyNetwork, tiny_network

from deepmark.errors import ConversionError
from deepmark.exporter.to_onnx import check_onnx, export_onnx, simplify_onnx
from deepmark.runtime.heads.maps import PROBABILITY_HEADS


def _export(
    path: Path, network: torch.nn.Module | None = None, *, dynamic: bool = True, logits: bool = False
) -> onnx.ModelProto:
    export_onnx(
        network or tiny_network(),
        path,
        heads=tuple(HEADS),
        size=(64, 96),
        dynamic=dynamic,
        logits=logits,
        metadata="ours",
    )
    return onnx.load(str(path))


def _run(path: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip(HEADS, session.run(list(HEADS), {"image": image}), strict=True))


@pytest.mark.parametrize("logits", [False, True])
def test_the_graph_gives_the_heads_by_name_with_or_without_the_sigmoid(tmp_path: Path, logits: bool) -> None:
    network = tiny_network()
    _export(tmp_path / "net.onnx", network, logits=logits)
    image = np.random.default_rng(0).normal(size=(1, 3, 32, 64)).astype(np.float32)
    found = _run(tmp_path / "net.onnx", image)
    for name, raw in network(torch.from_numpy(image)).items():
        expected = torch.sigmoid(raw) if name in PROBABILITY_HEADS and not logits else raw
        np.testing.assert_allclose(found[name], expected.numpy(), atol=1e-5)


def test_outputs_stand_in_the_asked_order_whatever_the_order_of_the_network(tmp_path: Path) -> None:
    class Shuffled(TinyNetwork):
        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return dict(reversed(super().forward(image).items()))

    shuffled = Shuffled().eval()
    shuffled.load_state_dict(tiny_network().state_dict())
    _export(tmp_path / "shuffled.onnx", shuffled)
    _export(tmp_path / "plain.onnx")
    image = np.ones((1, 3, 32, 32), np.float32)
    shuffled_outputs, outputs = (_run(tmp_path / f"{name}.onnx", image) for name in ("shuffled", "plain"))
    for name, head in outputs.items():
        np.testing.assert_array_equal(shuffled_outputs[name], head)


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    _export(tmp_path / "one.onnx")
    _export(tmp_path / "other.onnx")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()


def test_a_fixed_file_states_its_size_and_a_dynamic_one_leaves_it_open(tmp_path: Path) -> None:
    def sides(model: onnx.ModelProto) -> list[int | str]:
        return [side.dim_value or side.dim_param for side in model.graph.input[0].type.tensor_type.shape.dim]

    assert sides(_export(tmp_path / "fixed.onnx", dynamic=False)) == [1, 3, 64, 96]
    assert sides(_export(tmp_path / "dynamic.onnx")) == ["batch", 3, "height", "width"]


def test_batch_normalisation_is_folded_and_our_metadata_is_the_only_one(tmp_path: Path) -> None:
    model = _export(tmp_path / "net.onnx")
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("deepmark", "ours")]


def test_no_path_of_this_machine_is_in_the_file(tmp_path: Path) -> None:
    _export(tmp_path / "net.onnx")
    content = (tmp_path / "net.onnx").read_bytes()
    assert str(Path(__file__).parent).encode() not in content
    assert b".py" not in content


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path) -> None:
    network = tiny_network()
    network.get_parameter("wh.2.weight").data[0, 0] = torch.nan
    with pytest.raises(ConversionError, match=r"'network\.wh\.2\.weight' has 1 values that are NaN"):
        _export(tmp_path / "net.onnx", network)


def test_another_opset_than_asked_is_refused(tiny_onnx: Path) -> None:
    model = onnx.load(str(tiny_onnx))
    model.opset_import[0].version = 18
    with pytest.raises(ConversionError, match=r"asked for opset 17, the file has \{'': 18\}"):
        check_onnx(model, heads=tuple(HEADS))


def test_other_outputs_than_asked_are_refused(tiny_onnx: Path) -> None:
    with pytest.raises(ConversionError, match=r"expected \['image'\] -> \['wh', 'hm'\]"):
        check_onnx(onnx.load(str(tiny_onnx)), heads=("wh", "hm"))


def test_weights_outside_the_file_are_refused(tiny_onnx: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(onnx.load(str(tiny_onnx)), str(path), save_as_external_data=True, location="w", size_threshold=0)
    with pytest.raises(ConversionError, match="lies outside the file"):
        check_onnx(onnx.load(str(path), load_external_data=False), heads=tuple(HEADS))


def test_a_graph_that_is_no_valid_onnx_is_refused(tiny_onnx: Path) -> None:
    model = onnx.load(str(tiny_onnx))
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ConversionError, match="no valid ONNX"):
        check_onnx(model, heads=tuple(HEADS))


def test_a_network_that_torch_cannot_export_is_one_sentence(tmp_path: Path) -> None:
    class Sorted(TinyNetwork):
        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            heads = super().forward(image)
            return {**heads, "hm": torch.fft.fft2(heads["hm"]).real}

    with pytest.raises(ConversionError, match=r"torch -> onnx: torch's exporter failed: .*fft"):
        _export(tmp_path / "net.onnx", Sorted().eval())


def test_the_simplified_model_gives_the_same_and_keeps_our_metadata_only(tiny_onnx: Path, tmp_path: Path) -> None:
    target = tmp_path / "simple.onnx"
    simplify_onnx(tiny_onnx, target, heads=tuple(HEADS))
    before, after = onnx.load(str(tiny_onnx)), onnx.load(str(target))
    assert [entry.key for entry in after.metadata_props] == ["deepmark"]
    assert after.metadata_props == before.metadata_props
    image = np.random.default_rng(0).normal(size=(1, 3, 64, 32)).astype(np.float32)
    runs = [
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(list(HEADS), {"image": image})
        for path in (tiny_onnx, target)
    ]
    for right, other in zip(*runs, strict=True):
        np.testing.assert_allclose(other, right, atol=1e-6)


def test_without_onnxsim_the_hint_is_to_leave_it_out(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxsim", None)
    with pytest.raises(ConversionError, match="onnxsim is not installed") as error:
        simplify_onnx(tiny_onnx, tmp_path / "simple.onnx", heads=tuple(HEADS))
    assert "--simplify" in (error.value.hint or "")
    assert not (tmp_path / "simple.onnx").exists()
