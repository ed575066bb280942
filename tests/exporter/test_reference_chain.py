"""Networks of CenterNet's own code, through ONNX Runtime and MNN; deformable convolutions in all their forms."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
import torch
from nets import normalised, read_golden

from deepmark.exporter.deformable.decomposition import FOR_MNN, PORTABLE, decompose_onnx
from deepmark.exporter.parity import ATOL, RTOL
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.to_onnx import export_onnx
from deepmark.models import load_checkpoint
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings
from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession

pytestmark = pytest.mark.slow

DEFORMABLE = (
    "dla34_dcn_17kp_64x96",
    "dla34_dcn_1class_64x64",
    "resnet18_dcn_17kp_64x96",
    "resnet50_dcn_17kp_128x96",
)
PLAIN = (
    "resnet18_17kp_64x96",
    "resnet50_13x62_64x64",
    "resnet50_17kp_96x64",
    "resnet101_17kp_64x64",
    "hourglass104_1stack_17kp_128x128",  # of two stacks, torch's heads are held to the reference's: the same layers
)
FORMS = {"portable": PORTABLE, "mnn": FOR_MNN}


@pytest.mark.parametrize("golden", [*DEFORMABLE, *PLAIN])
def test_every_stage_gives_the_heads_of_the_reference(golden: str, make_checkpoint: ModuleType, tmp_path: Path) -> None:
    expected = read_golden(golden)
    name = re.sub(r"_\d+x\d+$", "", golden)
    torch.save({"epoch": 140, "state_dict": make_checkpoint.tensors(name, int(expected["seed"]))}, tmp_path / "net.pth")
    network = load_checkpoint(tmp_path / "net.pth").network
    (tmp_path / "net.pth").unlink()  # 390 MB of an hourglass
    x = normalised(expected).numpy()
    heads = tuple(network.head_names)  # type: ignore[arg-type]  # of nn.Module, a tensor or a module
    size = (x.shape[2], x.shape[3])
    forms = FORMS if golden in DEFORMABLE else {}
    files = {stage: tmp_path / f"{stage}.onnx" for stage in ("native", *forms)}
    export_onnx(network, files["native"], heads=heads, size=size, dynamic=True, logits=True, metadata="test")
    del network
    for stage, form in forms.items():
        decompose_onnx(files["native"], files[stage], form, heads=heads, size=size, multiple=32)
    convert_to_mnn(files["mnn" if forms else "native"], tmp_path / "net.mnn")

    left_over = {node.op_type for node in onnx.load(str(files["native"])).graph.node}
    assert "BatchNormalization" not in left_over
    for stage, path in files.items():
        found = OnnxRuntimeSession(path, 1).run(x)
        for head in heads:
            np.testing.assert_allclose(found[head], expected[head], atol=1e-4, rtol=1e-4, err_msg=f"{stage} {head}")
    for level in (0, 3) if forms else (0,):  # where the others fail at 3, a bundle asks for 0
        session = MnnSession(tmp_path / "net.mnn", 1, MnnSettings(winograd=level))
        found = session.run(x)
        session.close()
        for head in heads:
            allowed = ATOL + RTOL * float(np.abs(expected[head]).max())
            np.testing.assert_allclose(found[head], expected[head], atol=allowed, rtol=0, err_msg=f"{level} {head}")
