"""Whatever is given as a checkpoint: one clear line, the right exit code, nothing left behind."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from checkpoints import Shapes, key_shapes, light_tensors
from outcome import Deepmark

torch = pytest.importorskip("torch")


class _Bomb:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.victim),)


def _missing(path: Path) -> None:
    """Leave the path empty."""


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("epoch,loss\n1,2.5\n")


def _no_tensors(path: Path) -> None:
    torch.save({"epoch": 3, "note": "nothing here"}, path)


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(4096))


@pytest.mark.parametrize("make", [_missing, _folder, _empty, _text, _no_tensors, _zeros])
@pytest.mark.parametrize("command", ["inspect", "export"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(
    make: Callable[[Path], None], command: str, tmp_path: Path, deepmark: Deepmark
) -> None:
    checkpoint = tmp_path / "wrong.pth"
    make(checkpoint)
    output = ["-o", tmp_path / "out"] if command == "export" else []

    deepmark(command, checkpoint, *output).assert_refused(1, "wrong.pth")

    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_truncated_checkpoint_is_refused(demo_checkpoint: Path, tmp_path: Path, deepmark: Deepmark) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(demo_checkpoint.read_bytes()[:1_000_000])

    deepmark("inspect", cut).assert_refused(1, "cut.pth")


def test_a_pickle_that_wants_to_run_code_never_runs(tmp_path: Path, deepmark: Deepmark) -> None:
    victim = tmp_path / "made by the bomb"
    zipped, legacy = tmp_path / "zipped.pth", tmp_path / "legacy.pth"
    torch.save({"state_dict": _Bomb(victim)}, zipped)
    legacy.write_bytes(pickle.dumps({"state_dict": _Bomb(victim)}))

    for bomb in (zipped, legacy):
        deepmark("inspect", bomb).assert_refused(1, bomb.name)
        deepmark("export", bomb, "-o", tmp_path / "out").assert_refused(1, bomb.name)

    assert not victim.exists()


def test_a_schema_of_another_network_is_refused(demo_checkpoint: Path, tmp_path: Path, deepmark: Deepmark) -> None:
    schema = tmp_path / "one.csv"
    schema.write_text(
        "global_index,class_id,class_name,local_index,keypoint_name,swap_global_index,group_id,group_name,sigma\n"
        "0,1,hat,1,brim,0,0,brim,0.1\n"
    )

    outcome = deepmark("export", demo_checkpoint, "--schema", schema, "-o", tmp_path / "out")

    outcome.assert_refused(1, "13", "62", "one")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def _half_trained() -> Shapes:
    plain = ("ida_up.proj_1.conv.conv_offset_mask", "dla_up.ida_2.node_3.conv.conv_offset_mask")
    return {name: shape for name, shape in key_shapes("dcn").items() if not name.startswith(plain)}


def _renamed(old: str, new: str) -> Shapes:
    return {name.replace(old, new): shape for name, shape in key_shapes("dcn").items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shapes", "word"),
    [
        (_half_trained(), "at 14 places .* and none at 2 others"),
        (_renamed("conv_offset_mask", "my_offset_conv"), "unknown library"),
        (_renamed("conv_offset_mask", "conv_offset") | {"ida_up.proj_1.conv.weight": (64, 16, 3, 3)}, "groups"),
        ({**key_shapes("swap"), "base.level2.tree1.conv3.weight": (64, 32, 1, 1)}, "Bottleneck"),
        ({**key_shapes("swap"), "id.0.weight": (256, 64, 3, 3)}, "FairMOT"),
        ({**key_shapes("swap"), "hm.4.weight": (13, 256, 1, 1)}, "three|3 convolutions"),
    ],
    ids=["half-trained", "unknown", "groups", "bottleneck", "id", "three-conv"],
)
def test_networks_that_would_be_wrong_are_refused_by_name(
    shapes: Shapes, word: str, tmp_path: Path, deepmark: Deepmark
) -> None:
    checkpoint = tmp_path / "net.pth"
    torch.save({"state_dict": light_tensors(shapes)}, checkpoint)

    for outcome in (deepmark("inspect", checkpoint), deepmark("export", checkpoint, "-o", tmp_path / "out")):
        outcome.assert_refused(1, "net.pth", "hint: ")
        assert re.search(word, outcome.err)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "100"], ["100", "32"]),
        (["--size", "0"], ["0"]),
        (["--size", "8192"], ["8192", "GiB"]),
        (["--size", "96x"], ["96x"]),
        (["--to", "coreml"], ["coreml", "mnn"]),
    ],
)
def test_a_request_that_makes_no_sense_is_a_usage_error(
    arguments: list[str], words: list[str], demo_checkpoint: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    deepmark("export", demo_checkpoint, *arguments, "-o", tmp_path / "out").assert_refused(2, *words)

    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written_is_said_before_the_work(
    demo_checkpoint: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    (tmp_path / "file").write_text("not a folder")

    deepmark("export", demo_checkpoint, "-o", tmp_path / "file" / "out").assert_refused(1, "out")
    assert (tmp_path / "file").read_text() == "not a folder"
