"""Every command line of docs/networks.md that makes a network: seeded, exported to both formats, verified, detecting.

The commands run in this process, at the size that the page gives; the script that the page names has the same ones.
The native programs take what comes of it, on this computer and on an emulated phone processor.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import encoded, read_image
from native_programs import EMULATOR, require_cross_build, run_program
from outcome import Deepmark

from deepmark.commands.group import main
from deepmark.models import seeded
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.runtime import Detector
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.native import NativeBuild, build_native

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "seeded_network.sh"
LINES = re.findall(r"^sh examples/seeded_network\.sh (.+)$", (ROOT / "docs" / "networks.md").read_text(), re.MULTILINE)
ON_A_PHONE = (  # deformable, ResNet, both, boxes only: each runs operators, heads or a decoder that the others do not
    "dla34-dcn 64 persons",
    "resnet18 64",
    "resnet18-dcn 64 persons",
    "dla34-1x1 64 boxes",
)
PICTURE = ROOT / "models" / "demo" / "samples" / "sample0.png"


def test_the_page_has_a_line_for_every_network_of_another_shape() -> None:
    shown = {line.split(maxsplit=1)[0] for line in LINES}

    assert shown <= ARCHITECTURES.keys()
    assert {re.sub(r"(34|50|101|152)", "18", name) if "resnet" in name else name for name in ARCHITECTURES} == shown


def test_the_script_has_the_commands_that_are_tested_here() -> None:
    commands = [line.split()[:2] for line in SCRIPT.read_text().splitlines() if line.startswith("deepmark ")]
    assert [command for _, command in commands] == ["export", "verify", "detect"]


@pytest.fixture(scope="module")
def line(request: pytest.FixtureRequest) -> str:
    """A line of the page. Tests that are given nothing else come one after the other for each."""
    return str(request.param)


@pytest.fixture(scope="module")
def bundle(line: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the commands of a line make; removed after the tests of that line, as an hourglass has 800 MB."""
    arch, size, case, stacks = _words(line)
    folder = tmp_path_factory.mktemp(arch)
    checkpoint = folder / f"{arch}.pth"
    seeded.main([arch, str(checkpoint), "--case", case, "--stacks", stacks])
    (folder / "pictures").mkdir()
    shutil.copy(PICTURE, folder / "pictures")
    small = ("--images", str(folder / "pictures"), *(["--fixed"] if "hourglass" in arch else []))  # or it takes minutes
    words = ["deepmark", "export", str(checkpoint), "--to", "onnx", "--to", "mnn", "--size", size, "-o", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*words, *small])
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code, "the export failed: its message stands below"
    checkpoint.unlink()
    yield folder / f"{arch}.deepmark"
    shutil.rmtree(folder)


def _words(line: str) -> list[str]:
    return [*line.split(), *("garments", "2")[len(line.split()) - 2 :]]


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES, indirect=True)
def test_a_network_is_made_exported_verified_and_detects(
    line: str, bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    for command in (("verify", bundle), ("detect", bundle, PICTURE, "-o", tmp_path / "found")):
        outcome = deepmark(*command)
        assert outcome.code == 0, outcome.err

    arch = _words(line)[0]
    manifest = open_bundle(bundle).manifest
    row = ARCHITECTURES[arch]
    assert (manifest.source.architecture, manifest.input.multiple) == (arch, row.multiple)
    assert manifest.heads.layout == "sparse"
    assert list((tmp_path / "found").iterdir())
    level = manifest.winograd_level
    assert (level == 0) == (arch == "hourglass104"), level


def _lines(build: NativeBuild, program: str, *words: object, emulator: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    code, lines, printed = run_program(build, program, *words, "--threads", 1, emulator=emulator, timeout=900)
    assert code == 0, f"{lines} {printed}"
    return lines


def _verify_and_bench(bundle: Path, folder: Path, build: NativeBuild, emulator: tuple[str, ...] = ()) -> None:
    verified = _lines(build, "dm_verify", bundle, emulator=emulator)
    assert [line["equal"] for line in verified] == [True] * len(verified)
    assert sum(line["objects"]["matched"] for line in verified[:-1]) > 0

    folder.mkdir()
    (folder / "one.ppm").write_bytes(encoded(read_image(PICTURE), ".ppm"))
    options = ("--pictures", folder, "--runs", 1, "--warm-up-runs", 0, "--threshold", 0.1)
    timed = _lines(build, "dm_bench", bundle, *options, emulator=emulator)
    assert [line["event"] for line in timed] == ["start", "loaded", "warm", "sample", "end"]
    assert timed[3]["objects"] > 0
    assert timed[1]["winograd_level"] == (0 if open_bundle(bundle).manifest.winograd_level == 0 else -1)


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES, indirect=True)
def test_the_native_programs_take_it(bundle: Path, host_build: NativeBuild, tmp_path: Path) -> None:
    _verify_and_bench(bundle, tmp_path / "pictures", host_build)

    found = _lines(host_build, "dm_detect", bundle, tmp_path / "pictures" / "one.ppm", "--threshold", 0.01)[0]
    expected = Detector(bundle, threads=1)(read_image(PICTURE))
    best = np.argsort(-expected.scores)[:5]
    assert len(best) == 5
    for at in best:  # the letterboxes may differ by a grey level
        assert any(
            one["class_id"] == expected.class_ids[at]
            and abs(one["score"] - expected.scores[at]) < 0.05
            and np.allclose(one["box"], expected.boxes[at], atol=4)
            for one in found["objects"]
        ), f"{expected.scores[at]:.2f} at {expected.boxes[at]}"


@pytest.mark.slow
@pytest.mark.parametrize("line", ON_A_PHONE, indirect=True)
def test_the_native_programs_take_it_on_an_emulated_phone_processor(bundle: Path, tmp_path: Path) -> None:
    require_cross_build()
    _verify_and_bench(bundle, tmp_path / "pictures", build_native("aarch64-linux-gnu"), EMULATOR)
