"""Every command line of docs/networks.md that makes a network: seeded, exported to both formats, verified, detecting.

The commands run in this process, at the size that the page gives; the script that the page names has the same ones.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from outcome import Deepmark

from deepmark.models import seeded
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.runtime.bundle import open_bundle

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "seeded_network.sh"
LINES = re.findall(r"^sh examples/seeded_network\.sh (.+)$", (ROOT / "docs" / "networks.md").read_text(), re.MULTILINE)
PICTURE = ROOT / "models" / "demo" / "samples" / "sample0.png"


def test_the_page_has_a_line_for_every_network_of_another_shape() -> None:
    shown = {line.split(maxsplit=1)[0] for line in LINES}

    assert shown <= ARCHITECTURES.keys()
    assert {re.sub(r"(34|50|101|152)", "18", name) if "resnet" in name else name for name in ARCHITECTURES} == shown


def test_the_script_has_the_commands_that_are_tested_here() -> None:
    commands = [line.split()[:2] for line in SCRIPT.read_text().splitlines() if line.startswith("deepmark ")]
    assert [command for _, command in commands] == ["export", "verify", "detect"]


def _one_picture(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    shutil.copy(PICTURE, folder / "pictures")
    return folder / "pictures"


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_network_is_made_exported_verified_and_detects(line: str, tmp_path: Path, deepmark: Deepmark) -> None:
    arch, size, case, stacks = (*line.split(), *("garments", "2")[len(line.split()) - 2 :])
    checkpoint = tmp_path / f"{arch}.pth"
    seeded.main([arch, str(checkpoint), "--case", case, "--stacks", stacks])

    small = ("--images", _one_picture(tmp_path), *(["--fixed"] if "hourglass" in arch else []))  # or it takes minutes
    formats = ("--to", "onnx", "--to", "mnn")
    exported = deepmark("export", checkpoint, *formats, "--size", size, "-o", tmp_path, *small, "--json")
    assert exported.code == 0, exported.err
    assert json.loads(exported.out)["passed"]
    bundle = tmp_path / f"{arch}.deepmark"
    for command in (("verify", bundle), ("detect", bundle, PICTURE, "-o", tmp_path / "found")):
        outcome = deepmark(*command)
        assert outcome.code == 0, outcome.err

    manifest = open_bundle(bundle).manifest
    row = ARCHITECTURES[arch]
    assert (manifest.source.architecture, manifest.input.multiple) == (arch, row.multiple)
    assert manifest.heads.layout == "sparse"
    assert list((tmp_path / "found").iterdir())
    level = manifest.winograd_level
    assert (level == 0) == (arch == "hourglass104"), level
