"""Networks of CenterNet's own code, through torch, ONNX Runtime and MNN; deformable convolutions in all their forms."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
import torch
from nets import NETS, assert_reference_heads, normalised, read_golden
from torch import nn

from deepmark.exporter.deform_conv import has_deformable
from deepmark.exporter.deformable.decomposition import FOR_MNN, PORTABLE, decompose_onnx
from deepmark.exporter.parity import ATOL, RTOL
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.to_onnx import export_onnx
from deepmark.models import LoadedNetwork, load_checkpoint
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings
from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession

pytestmark = pytest.mark.slow

GOLDEN = (  # golden file, architecture, variant, parameters
    ("dla34_dcn_1class_64x64", "dla34-dcn", "F", 19_655_589),
    ("dla34_dcn_17kp_64x96", "dla34-dcn", "F", 20_112_346),
    ("dla34_dcn_13x62_128x128", "dla34-dcn", "F", 20_150_125),
    ("resnet18_17kp_64x96", "resnet18", "R", 16_261_242),
    ("resnet18_dcn_17kp_64x96", "resnet18-dcn", "F", 14_546_443),
    ("resnet50_17kp_96x64", "resnet50", "R", 34_884_218),
    ("resnet50_13x62_64x64", "resnet50", "R", 34_893_773),
    ("resnet50_dcn_17kp_128x96", "resnet50-dcn", "F", 30_790_155),
    ("resnet50_dcn_13x62_96x96", "resnet50-dcn", "F", 30_799_710),
    ("resnet101_17kp_64x64", "resnet101", "R", 53_876_346),
    ("hourglass104_1stack_17kp_128x128", "hourglass104", "S", 97_218_234),
    ("hourglass104_17kp_128x128", "hourglass104", "S", 194_811_124),
    ("hourglass104_13x62_128x128", "hourglass104", "S", 194_886_682),
)
FORMS = {"portable": PORTABLE, "mnn": FOR_MNN}


def test_no_golden_file_is_left_out() -> None:
    assert sorted(f"{golden}.npz" for golden, *_ in GOLDEN) == sorted(path.name for path in NETS.iterdir())


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that is gone after its test, for files of up to 780 MB."""
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        yield Path(folder)


def _load(golden: str, seed: int, make_checkpoint: ModuleType, folder: Path) -> LoadedNetwork:
    path = folder / "net.pth"
    torch.save({"epoch": 140, "state_dict": make_checkpoint.tensors(re.sub(r"_\d+x\d+$", "", golden), seed)}, path)
    loaded = load_checkpoint(path)
    path.unlink()
    return loaded


def _write_graphs(network: nn.Module, heads: tuple[str, ...], size: tuple[int, int], folder: Path) -> dict[str, Path]:
    """Write a network as ONNX, and without its deformable convolutions in every form; returns the files by stage."""
    native = folder / "native.onnx"
    export_onnx(network, native, heads=heads, size=size, dynamic=True, logits=True, metadata="test")
    operators = {node.op_type for node in onnx.load(str(native)).graph.node}
    assert "BatchNormalization" not in operators
    assert ("DeformConv" in operators) == has_deformable(network)
    forms = FORMS if has_deformable(network) else {}
    files = {"native": native, **{name: folder / f"{name}.onnx" for name in forms}}
    for name, form in forms.items():
        decompose_onnx(native, files[name], form, heads=heads, size=size, multiple=32)
    return files


@pytest.mark.parametrize(("golden", "architecture", "variant", "parameters"), GOLDEN, ids=[case[0] for case in GOLDEN])
def test_every_stage_gives_the_heads_of_the_reference(
    golden: str, architecture: str, variant: str, parameters: int, make_checkpoint: ModuleType, scratch: Path
) -> None:
    expected = read_golden(golden)
    loaded = _load(golden, int(expected["seed"]), make_checkpoint, scratch)
    report, x = loaded.report, normalised(expected)
    assert (report.architecture, report.variant, report.parameters) == (architecture, variant, parameters)
    heads, size = tuple(report.heads), (x.shape[2], x.shape[3])
    with torch.inference_mode():
        found = {name: head.numpy() for name, head in loaded.network(torch.from_numpy(x)).items()}
    assert_reference_heads(found, expected, "torch")

    files = _write_graphs(loaded.network, heads, size, scratch)
    del loaded
    for stage, path in files.items():
        assert_reference_heads(OnnxRuntimeSession(path, 1).run(x), expected, stage)

    deformable = "mnn" in files
    convert_to_mnn(files["mnn" if deformable else "native"], scratch / "net.mnn")
    for level in (0, 3) if deformable else (0,):  # where the others fail at 3, a bundle asks for 0
        session = MnnSession(scratch / "net.mnn", 1, MnnSettings(winograd=level))
        found = session.run(x)
        session.close()
        for head in heads:
            allowed = ATOL + RTOL * float(np.abs(expected[head]).max())
            np.testing.assert_allclose(found[head], expected[head], atol=allowed, rtol=0, err_msg=f"{level} {head}")
