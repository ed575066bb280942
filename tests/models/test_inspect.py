"""``deepmark inspect``: what a reader sees, what a program reads, and how refusals are told."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from checkpoints import key_shapes, light_tensors
from outcome import Deepmark, Outcome

from deepmark.commands.click_program import run
from deepmark.commands.inspect import command


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Deepmark:
    """Run ``deepmark inspect ARGS`` in this process."""

    def run_inspect(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["deepmark-inspect", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            run(command, "deepmark inspect")
        out, err = capfd.readouterr()
        return Outcome(int(stop.value.code or 0), out, err)

    return run_inspect


@pytest.mark.slow
def test_the_table_tells_the_facts_and_names_the_conventions(call: Deepmark, demo_checkpoint: Path) -> None:
    outcome = call(demo_checkpoint)

    assert (outcome.code, outcome.out) == (0, "")
    for fact in (
        "A: a plain 3x3 convolution with bias for each deformable one",
        "19,512,061",
        "deepfashion2-62",
        "hm 13, wh 2, hps 124, reg 2, hm_hp 62, hp_offset 2",
        "base.level3.project.* (5), base.level4.project.* (5)",
        "true multiply-adds of the exported graph",
        "the paper's convention (thop, May 2020",
        "9.69135",
        "9.61570",
    ):
        assert fact in outcome.err


@pytest.mark.slow
def test_json_is_one_document_and_nothing_else(call: Deepmark, demo_checkpoint: Path) -> None:
    outcome = call(demo_checkpoint, "--json", "--size", "256", "--size", "64x96")

    assert outcome.err == ""
    document = json.loads(outcome.out)
    assert document["report"]["variant"] == "A"
    assert document["report"]["heads"]["hps"] == 124
    assert document["schema"] == "deepfashion2-62"
    assert [(cost["height"], cost["width"]) for cost in document["costs"]] == [(256, 256), (64, 96)]
    assert document["costs"][0]["total"] == {
        "parameters": 19_512_061,
        "multiply_adds": 9_615_704_064,
        "paper": 9_691_353_088,
        "samples": 0,
    }
    assert set(document["conventions"]) == {"multiply_adds", "paper"}
    assert document["table6"][0]["gaussian"] == 2_764_800


@pytest.mark.slow
def test_table_6_of_the_paper_is_printed(call: Deepmark, demo_checkpoint: Path) -> None:
    outcome = call(demo_checkpoint, "--table", "6")

    assert outcome.code == 0
    rows = [line.split() for line in outcome.err.splitlines() if line.strip().startswith(("128x", "256x", "512x"))]
    assert [row[:3] for row in rows] == [
        ["128x128", "2.42284", "0.00069"],
        ["256x256", "9.69135", "0.00276"],
        ["512x512", "38.76541", "0.01106"],
    ]


def test_a_refused_checkpoint_is_explained(call: Deepmark, tmp_path: Path) -> None:
    torch.save({"state_dict": {"ida_up.weight": torch.ones(1), "fpn.weight": torch.ones(1)}}, tmp_path / "other.pth")

    outcome = call(tmp_path / "other.pth")

    outcome.assert_refused(1, "other.pth", "a network with the parts fpn, ida_up")
    assert "hint: give a checkpoint of CenterNet's task multi_pose or ctdet" in outcome.err


@pytest.mark.slow
def test_a_network_with_deformable_convolutions_is_told_with_its_samples_and_without_the_paper_s_figures(
    call: Deepmark, tmp_path: Path
) -> None:
    torch.save(light_tensors(key_shapes("resnet18_dcn_17kp")), tmp_path / "net.pth")

    outcome = call(tmp_path / "net.pth", "--size", "256")

    assert outcome.code == 0
    for fact in (
        "resnet18-dcn",
        "14,546,443",
        "3.77",
        "2,064,384 at 256x256",
        "multiples of 32",
        "wrong without training",
    ):
        assert fact in outcome.err
    assert "the paper's convention" not in outcome.err
    call(tmp_path / "net.pth", "--table", "6").assert_refused(2, "Table 6 of the paper is of mDLA-34", "resnet18-dcn")


@pytest.mark.slow
def test_a_size_that_an_hourglass_does_not_take_is_refused_with_the_nearest(call: Deepmark, tmp_path: Path) -> None:
    torch.save(light_tensors(key_shapes("hourglass104_17kp")), tmp_path / "net.pth")

    outcome = call(tmp_path / "net.pth", "--size", "160")

    outcome.assert_refused(2, "size 160x160: height and width must be multiples of 128", "the nearest are 128 and 256")


def test_a_schema_file_is_compared_with_the_checkpoint(call: Deepmark, demo_checkpoint: Path, tmp_path: Path) -> None:
    schema = tmp_path / "hats.csv"
    schema.write_text(
        "global_index,class_id,class_name,local_index,keypoint_name,swap_global_index,group_id,group_name,sigma\n"
        "0,1,hat,1,brim,0,0,brim,0.1\n"
    )

    call(demo_checkpoint, "--schema", schema).assert_refused(
        1, "13 classes and 62", "'hats' has 1 class and 1 landmark group"
    )
    call(demo_checkpoint, "--schema", tmp_path / "none.csv").assert_refused(1, "cannot read the keypoint schema")


@pytest.mark.parametrize("arguments", [["--size", "100"], ["--size", "96x"], ["--table", "7"], ["--sise", "3"], []])
def test_a_request_that_makes_no_sense_is_a_usage_error(
    arguments: list[str], call: Deepmark, demo_checkpoint: Path
) -> None:
    outcome = call(*([demo_checkpoint, *arguments] if arguments else []))

    assert outcome.code == 2
    assert "error" in outcome.err.lower()
    assert outcome.out == ""


def test_without_torch_it_says_how_to_get_it(
    call: Deepmark, demo_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else honest(name))

    call(demo_checkpoint).assert_refused(1, "needs torch", "hint: pip install 'deepmark-export[export]'")


def test_its_help_has_examples_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from deepmark.commands.click_program import run\n"
        "from deepmark.commands.inspect import command\n"
        "try:\n"
        "    run(command, 'deepmark inspect')\n"
        "finally:\n"
        "    heavy = {'torch', 'numpy', 'msgspec', 'rich', 'onnx', 'cv2', 'MNN'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)

    assert "deepmark inspect model_best.pth --table 6" in done.stdout
