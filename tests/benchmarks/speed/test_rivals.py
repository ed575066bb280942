"""The same network elsewhere: right before fast, absent without harm, and silent."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import noise, truth
from tiny_deformable import tiny_deformable
from tiny_network import HEADS, tiny_manifest, tiny_network
from torch import nn

from deepmark.benchmarks.speed import rivals
from deepmark.benchmarks.speed.ncnn_graph import write_ncnn
from deepmark.benchmarks.speed.references import find_rivals
from deepmark.benchmarks.speed.rivals import RIVALS, require_same
from deepmark.errors import ConversionError, EngineError
from deepmark.exporter.to_onnx import export_onnx
from deepmark.runtime.arrays import F32

SIZE = (64, 96)


@pytest.fixture(scope="module", params=["probabilities", "logits"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rivals") / "model.onnx"
    logits = request.param == "logits"
    metadata = tiny_manifest(logits=logits).to_json(compact=True).decode()
    export_onnx(tiny_network(), path, heads=tuple(HEADS), size=SIZE, dynamic=True, logits=logits, metadata=metadata)
    return path


def run_in_child(name: str, path: Path, x: F32, folder: Path) -> dict[str, F32]:
    """Rivals run in processes of their own: some of them leave threads behind, or report home on import."""
    np.save(folder / "x.npy", x)
    code = (
        "import sys, numpy as np; from pathlib import Path; from deepmark.benchmarks.speed.rivals import RIVALS;"
        "name, path, folder = sys.argv[1:]; x = np.load(folder + '/x.npy');"
        "found = RIVALS[name].load(Path(path), *x.shape[2:], 1).run(x); np.savez(folder + '/found.npz', **found)"
    )
    subprocess.run([sys.executable, "-c", code, name, str(path), str(folder)], check=True, timeout=120)
    with np.load(folder / "found.npz") as file:
        return dict(file)


def installed(name: str) -> None:
    if importlib.util.find_spec(RIVALS[name].module) is None:
        pytest.skip(f"{name} is not installed")


def assert_same_heads(rival: str, file: Path, *, truth_file: Path, size: tuple[int, int], folder: Path) -> None:
    """Require of a rival, in a process of its own, the heads that ONNX Runtime gives."""
    x = noise(1, 3, *size)
    found = run_in_child(rival, file, x, folder)
    for name, right in truth(truth_file, x).items():
        np.testing.assert_allclose(found[name], right, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("shape", [(64, 96), (32, 160)])
def test_the_network_written_for_ncnn_is_the_same(network: Path, shape: tuple[int, int], tmp_path: Path) -> None:
    installed("ncnn")
    param, _ = write_ncnn(network, tmp_path)
    param.with_suffix(".outputs").write_text("\n".join(HEADS))
    assert_same_heads("ncnn", param, truth_file=network, size=shape, folder=tmp_path)


def test_openvino_gives_the_same(network: Path, tmp_path: Path) -> None:
    installed("openvino")
    assert_same_heads("openvino", network, truth_file=network, size=SIZE, folder=tmp_path)


def test_openvino_never_loads_what_would_report_home(tmp_path: Path) -> None:
    for package in ("openvino", "openvino_telemetry"):
        (tmp_path / package).mkdir()
    (tmp_path / "openvino_telemetry" / "__init__.py").write_text("open('reported', 'w')")
    (tmp_path / "openvino" / "__init__.py").write_text(
        "try:\n    import openvino_telemetry\nexcept ImportError:\n    pass\nraise SystemExit(3)"
    )
    code = (
        "import sys; sys.path.insert(0, '.'); from pathlib import Path;"
        "from deepmark.benchmarks.speed.rivals import RIVALS; RIVALS['openvino'].load(Path('m.onnx'), 64, 64, 1)"
    )

    end = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert end.returncode == 3, end.stderr  # the stand-in was imported
    assert not (tmp_path / "reported").exists()


def test_deformable_convolutions_are_written_as_ncnn_s_own(tmp_path: Path) -> None:
    installed("ncnn")
    path = tmp_path / "model.onnx"
    export_onnx(tiny_deformable(), path, heads=tuple(HEADS), size=SIZE, dynamic=True, logits=True, metadata="test")
    param, _ = write_ncnn(path, tmp_path)
    assert param.read_text().count("DeformableConv2D") == 3
    param.with_suffix(".outputs").write_text("\n".join(HEADS))
    assert_same_heads("ncnn", param, truth_file=path, size=SIZE, folder=tmp_path)


def test_an_operator_that_ncnn_s_writer_does_not_know_is_named(tmp_path: Path) -> None:
    import onnx

    node = onnx.helper.make_node("Tanh", ["image"], ["out"], name="odd")
    values = [onnx.helper.make_tensor_value_info(name, 1, [1, 3, 8, 8]) for name in ("image", "out")]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", values[:1], values[1:])), tmp_path / "m.onnx")

    with pytest.raises(ConversionError, match="onnx -> ncnn: Tanh 'odd': the operator Tanh is not known"):
        write_ncnn(tmp_path / "m.onnx", tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_map_that_is_not_enlarged_by_repeating_cells_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    network = nn.Upsample(scale_factor=2, mode="bilinear")
    torch.onnx.export(
        network, (torch.zeros(1, 3, 8, 8),), str(path), dynamo=False, input_names=["image"], output_names=["out"]
    )
    with pytest.raises(ConversionError, match="only whole numbers of repeated cells"):
        write_ncnn(path, tmp_path)


class Odd(nn.Module):
    """Uneven windows, groups, dilation, repeated cells, and a map that is read three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, (3, 5), stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=3)
        self.pool = nn.MaxPool2d((2, 1), (2, 1))
        self.repeat = nn.Upsample(scale_factor=(2, 1))
        self.up = nn.ConvTranspose2d(6, 4, (4, 3), stride=(2, 1), padding=(1, 1), groups=2)
        self.full = nn.ConvTranspose2d(6, 4, (4, 3), stride=(2, 1), padding=(1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv(image))
        pooled = self.pool(x)
        up = self.up(pooled) + self.full(pooled)
        return torch.cat([torch.sigmoid(x), torch.relu(up), up, self.repeat(pooled)], 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_uneven_windows_groups_and_shared_maps_are_written_right(tmp_path: Path) -> None:
    installed("ncnn")
    torch.manual_seed(0)
    path = tmp_path / "odd.onnx"
    x = noise(1, 3, 16, 24)
    torch.onnx.export(
        Odd().eval(),
        (torch.from_numpy(x),),
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=["image"],
        output_names=["out"],
    )
    param, _ = write_ncnn(path, tmp_path)
    param.with_suffix(".outputs").write_text("out")

    found = run_in_child("ncnn", param, x, tmp_path)

    np.testing.assert_allclose(found["out"], truth(path, x)["out"], atol=1e-5)


def test_a_wrong_result_is_not_timed() -> None:
    right = {"hm": np.full((2, 4, 4), 0.5, np.float32), "wh": np.full((2, 4, 4), 10, np.float32)}
    require_same(right, right, "ncnn")

    with pytest.raises(EngineError, match=r"ncnn is off by 0\.1 in wh, whose largest value is 10; it is not timed"):
        require_same({**right, "wh": right["wh"] + np.float32(0.1)}, right, "ncnn")
    with pytest.raises(EngineError, match="nan"):
        require_same({**right, "wh": right["wh"] * np.float32(np.nan)}, right, "ncnn")
    with pytest.raises(EngineError, match="gives nothing for wh"):
        require_same({"hm": right["hm"]}, right, "ncnn")


def test_logits_and_probabilities_count_as_the_same() -> None:
    logits = np.linspace(-4, 4, 32, dtype=np.float32).reshape(2, 4, 4)

    require_same({"hm": logits}, {"hm": (1 / (1 + np.exp(-logits))).astype(np.float32)}, "torch")


def test_a_rival_that_is_not_here_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> object:
        return None if name == "ncnn" else object()

    monkeypatch.setattr("deepmark.benchmarks.speed.references.importlib.util.find_spec", nothing)

    present, missing = find_rivals(["ncnn", "openvino", "torch"], checkpoint=None)

    assert present == ["openvino"]
    assert [(one.name, one.error) for one in missing] == [
        ("ncnn", "ncnn is not installed"),
        ("torch", "torch runs a checkpoint, and none was given"),
    ]
    assert missing[0].hint == "pip install 'deepmark-export[rivals]'"


def test_the_table_of_rivals_is_the_command_s() -> None:
    from deepmark.commands.bench_options import RIVALS as OFFERED

    assert set(OFFERED) == set(rivals.RIVALS)
