"""The programs, built for this computer, on the tiny network: what they print, and how they refuse."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import encoded, read_image
from msgspec import structs
from native_programs import run_program
from tiny import Tiny, large_steps, write_bundle

from deepmark.exporter.parity import ATOL, OTHER_BLOCKS_RTOL, RTOL
from deepmark.exporter.stages import ChainStage
from deepmark.exporter.vectors import read_vectors
from deepmark.exporter.verification import verify
from deepmark.runtime import Detector, load_engine
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.detections import Detections
from deepmark.runtime.manifest import FileEntry, Manifest
from deepmark.runtime.native import NativeBuild, build_native

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def build(host_build: NativeBuild) -> NativeBuild:
    return host_build


@pytest.fixture(params=["dense", "sparse"])
def bundle(request: pytest.FixtureRequest, demo_bundle: Path, demo_dense_bundle: Path) -> Path:
    return demo_dense_bundle if request.param == "dense" else demo_bundle


@pytest.fixture(scope="session")
def pictures(demo_pictures: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for path in demo_pictures[:3]:
        (folder / f"{path.stem}.ppm").write_bytes(encoded(read_image(path), ".ppm"))
    return folder


def test_a_build_is_found_again(build: NativeBuild) -> None:
    assert build_native("host") == build
    assert {"dm_bench", "dm_detect", "dm_verify", "libpystub.so"} <= set(build.files)


def test_verify_proves_a_bundle(build: NativeBuild, bundle: Path) -> None:
    code, lines, printed = run_program(build, "dm_verify", bundle, "--threads", 1)
    assert code == 0, printed
    assert [line["event"] for line in lines] == ["vector"] * len(read_vectors(open_bundle(bundle))) + ["end"]
    assert all(line["equal"] for line in lines)
    assert sum(line["objects"]["matched"] for line in lines[:-1]) > 0


def _smallest_refined(bundle: Path) -> float:
    """A threshold that the network's value of a refined landmark and this processor's both just fail to reach.

    It belongs to the object that counts and has the smallest such value; processors differ in the last digits of it.
    """
    model = open_bundle(bundle)
    found: list[tuple[float, float]] = []
    with load_engine(model, threads=1) as engine:
        stage = ChainStage.of("mnn", engine)
        for vector in read_vectors(model):
            network, here = vector.expected.objects, stage.sample(vector.picture, model.manifest).objects
            for cell in network.by_cell().keys() & here.by_cell().keys():
                i, j = network.by_cell()[cell], here.by_cell()[cell]
                if network.detections.scores[i] >= 0.15:
                    values = zip(network.detections.keypoint_scores[i], here.detections.keypoint_scores[j], strict=True)
                    refined = network.detections.refined[i]
                    found += [
                        (float(value), float(ours))
                        for (value, ours), is_refined in zip(values, refined, strict=True)
                        if is_refined
                    ]
    return max(min(found))


def _copy(bundle: Path, folder: Path) -> tuple[Path, Manifest]:
    copied = folder / "copied.deepmark"
    shutil.copytree(bundle, copied)
    return copied, Manifest.from_json((copied / "manifest.json").read_bytes(), source="test")


def _edit_vectors(copied: Path, manifest: Manifest, edit: Callable[[dict[str, Any]], None]) -> Manifest:
    """Change what the golden vectors of a copied bundle hold; returns the manifest that fits them."""
    files = dict(manifest.files)
    for path in (copied / "vectors").glob("*.json"):
        document = json.loads(path.read_bytes())
        edit(document)
        content = json.dumps(document).encode()
        path.write_bytes(content)
        entry = FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        files[path.relative_to(copied).as_posix()] = entry
    return structs.replace(manifest, files=files)


def _round_otherwise(document: dict[str, Any]) -> None:
    """Let one landmark value be as far from the network's as is well within the tolerance: so far may choices go."""
    document["heads"]["hm_hp"]["values"][0] += 5e-4


@pytest.mark.parametrize(("beyond", "code"), [(1e-6, 0), (0.02, 3)])
def test_a_choice_within_rounding_is_no_difference(
    build: NativeBuild, bundle: Path, tmp_path: Path, beyond: float, code: int
) -> None:
    """A threshold just above a landmark's value turns that choice over, as other rounding would."""
    copied, manifest = _copy(bundle, tmp_path)
    params = replace(manifest.decoder, keypoint_threshold=_smallest_refined(bundle) + beyond)
    manifest = _edit_vectors(copied, structs.replace(manifest, decoder=params), _round_otherwise)
    (copied / "manifest.json").write_bytes(manifest.to_json())
    found, lines, printed = run_program(build, "dm_verify", copied, "--threads", 1)
    assert found == code, printed
    assert (sum(line["objects"]["near_ties"] for line in lines[:-1]) > 0) == (not code)


@pytest.mark.parametrize(("stronger", "code"), [(0.0, 0), (0.1, 3)])
def test_an_object_that_others_crowd_out_is_no_difference(
    build: NativeBuild, demo_dense_bundle: Path, tmp_path: Path, stronger: float, code: int
) -> None:
    """With ``top_k`` 1 this side decodes two peaks; the vectors get an object that is as strong as the second one."""
    copied, manifest = _copy(demo_dense_bundle, tmp_path)
    manifest = structs.replace(manifest, decoder=replace(manifest.decoder, top_k=1))
    empty = [1, 1]  # a cell in a corner, in which nothing stands

    def add(document: dict[str, Any]) -> None:
        strongest = sorted(document["objects"], key=lambda one: -one["box_score"])
        if len(strongest) < 2:
            return
        score = strongest[1]["box_score"] + stronger
        document["objects"].insert(0, strongest[1] | {"cell": empty, "box_score": score})

    (copied / "manifest.json").write_bytes(_edit_vectors(copied, manifest, add).to_json())
    found, lines, printed = run_program(build, "dm_verify", copied, "--threads", 1)
    assert found == code, printed
    assert (sum(line["objects"]["near_ties"] for line in lines[:-1]) > 0) == (not code)
    assert verify(copied, threads=1).report.passed == (not code)  # as Python sees it


@pytest.mark.parametrize("threads", [1, 2])
def test_a_bundle_made_without_avx2_verifies_here(build: NativeBuild, data: Path, threads: int) -> None:
    bundle = data / "made_without_avx2" / "tiny.deepmark"
    code, lines, printed = run_program(build, "dm_verify", bundle, "--threads", threads)
    assert code == 0, printed
    assert sum(line["objects"]["matched"] for line in lines[:-1]) > 0


@pytest.mark.parametrize(("share", "code"), [(0.8, 0), (1.2, 3)])
def test_there_is_room_for_other_threads_and_processors(
    build: NativeBuild, demo_dense_bundle: Path, tmp_path: Path, share: float, code: int
) -> None:
    copied, manifest = _copy(demo_dense_bundle, tmp_path)

    def move(document: dict[str, Any]) -> None:
        head = document["heads"]["wh"]
        head["values"][7] += ATOL + (RTOL + share * OTHER_BLOCKS_RTOL) * head["scale"]

    (copied / "manifest.json").write_bytes(_edit_vectors(copied, manifest, move).to_json())
    found, lines, printed = run_program(build, "dm_verify", copied, "--threads", 1)
    assert found == code, printed
    assert {line["equal"] for line in lines} == {not code}


@pytest.mark.parametrize(("precision", "code"), [("fp32", 3), ("int8", 0)])
def test_int8_is_judged_by_its_objects(
    build: NativeBuild, bundle: Path, tmp_path: Path, precision: str, code: int
) -> None:
    """Its 8-bit kernels round otherwise on another kind of processor: heads move by more than fp32's tolerance."""
    copied, manifest = _copy(bundle, tmp_path)

    def widen(document: dict[str, Any]) -> None:
        document["heads"]["wh"]["values"] = [value + 0.1 for value in document["heads"]["wh"]["values"]]

    manifest = _edit_vectors(copied, structs.replace(manifest, precision=precision), widen)
    (copied / "manifest.json").write_bytes(manifest.to_json())
    found, lines, printed = run_program(build, "dm_verify", copied, "--threads", 1)
    assert found == code, printed
    assert {line["equal"] for line in lines} == {not code}
    assert lines[0]["heads"]["wh"]["tolerance_used"] > 1


@pytest.mark.parametrize("flip", [False, True], ids=["single", "flip"])
def test_detect_finds_what_python_finds(build: NativeBuild, bundle: Path, pictures: Path, flip: bool) -> None:
    paths = sorted(pictures.iterdir())
    code, lines, printed = run_program(build, "dm_detect", bundle, *paths, "--threads", 1, *["--flip"] * flip)
    assert code == 0, printed
    detector = Detector(bundle, threads=1, flip=flip)
    for path, line in zip(paths, lines, strict=True):
        _require_as_python(line, detector(read_image(path)))


def _require_as_python(line: dict[str, Any], expected: Detections) -> None:
    strong = [one for one in line["objects"] if one["score"] >= 0.2]
    keep = expected.scores >= 0.2
    assert [one["class_id"] for one in strong] == expected.class_ids[keep].tolist()
    for one, box, points in zip(strong, expected.boxes[keep], expected.keypoints, strict=False):
        # The letterboxes may differ by a grey level: half a pixel of a picture of 256.
        np.testing.assert_allclose(one["box"], box, atol=0.5)
        np.testing.assert_allclose(np.reshape(one["keypoints"], (-1, 2)), points, atol=0.5)
        assert len(one["refined"]) == len(one["keypoint_scores"]) == len(points)


@pytest.fixture(scope="session")
def shapes(demo_pictures: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A tall picture 3:4, a wide one 16:9, a square one and one of a single column."""
    folder = tmp_path_factory.mktemp("shapes")
    image = read_image(demo_pictures[0])  # 384 x 384
    images = {"tall": image[:, 48:336], "wide": image[84:300], "square": image, "column": image[:, 190:191]}
    for name, one in images.items():
        (folder / f"{name}.ppm").write_bytes(encoded(np.ascontiguousarray(one), ".ppm"))
    return [folder / f"{name}.ppm" for name in images]


@pytest.mark.parametrize("flip", [False, True], ids=["single", "flip"])
def test_detect_finds_what_python_finds_in_every_shape(
    build: NativeBuild, demo_bundle: Path, shapes: list[Path], flip: bool
) -> None:
    code, lines, printed = run_program(
        build, "dm_detect", demo_bundle, *shapes, "--fit", "rect", "--threads", 1, *["--flip"] * flip
    )
    assert code == 0, printed
    detector = Detector(demo_bundle, threads=1, fit="rect", flip=flip)
    for path, line in zip(shapes, lines, strict=True):
        _require_as_python(line, detector(read_image(path)))


def test_a_shape_s_heads_do_not_depend_on_what_ran_before(build: NativeBuild, tiny: Tiny, shapes: list[Path]) -> None:
    """MNN keeps the algorithms of a session's first size: sessions are not resized, and not mixed up."""
    bundle, options = tiny.bundle, ("--fit", "rect", "--threads", 1)
    alone = [run_program(build, "dm_detect", bundle, path, *options)[1] for path in shapes]
    code, together, printed = run_program(build, "dm_detect", bundle, *shapes, *shapes[::-1], *options)
    assert code == 0, printed
    assert together == [*(line for (line,) in alone), *(line for (line,) in alone[::-1])]


def test_memory_stays_flat_over_a_hundred_shapes(build: NativeBuild, tiny: Tiny, tmp_path: Path) -> None:
    """Each of these pictures needs another input than the one before; a session that stayed would be 9 MiB."""
    spec = structs.replace(tiny.manifest.input, height=256, width=256)
    bundle = write_bundle(tmp_path / "t.deepmark", structs.replace(tiny.manifest, input=spec), {"model.mnn": tiny.mnn})
    paths = []
    for number in range(15):
        height, width = (256, 32 * number + 10) if number < 8 else (32 * (number - 8) + 10, 256)
        paths.append(tmp_path / f"{number}.ppm")
        paths[-1].write_bytes(b"P6 %d %d 255\n" % (width, height) + bytes(3 * width * height))
    peaks = [_peak_mib(build, "dm_detect", bundle, *paths * times, "--fit", "rect") for times in (2, 8)]
    assert peaks[1] < peaks[0] + 20


def _peak_mib(build: NativeBuild, program: str, *words: object) -> float:
    command = [*build.launch(program), *map(str, words), "--threads", "1"]
    with subprocess.Popen(
        command, cwd=build.folder, env={"LD_LIBRARY_PATH": "."}, stdout=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss / 1024


def test_bench_says_which_input_it_times(build: NativeBuild, tiny: Tiny, shapes: list[Path], tmp_path: Path) -> None:
    words = ("--runs", 2, "--warm-up-runs", 1, "--threads", 1, "--fit", "rect")
    for path in shapes[:2]:
        shutil.copy(path, tmp_path)
    code, lines, printed = run_program(
        build, "dm_bench", tiny.bundle, "--pictures", tmp_path, "--size", "128x128", *words
    )
    assert code == 0, printed
    assert (lines[1]["fit"], lines[1]["input"]) == ("rect", [128, 96])
    shutil.copy(shapes[2], tmp_path)
    code, lines, printed = run_program(
        build, "dm_bench", tiny.bundle, "--pictures", tmp_path, "--size", "128x128", *words
    )
    assert code == 1
    assert "the pictures make 3 sizes of the network's input, at most 2 are kept ready" in lines[-1]["message"]
    assert printed.count("error: ") == 1


@pytest.mark.parametrize("program", ["dm_detect", "dm_bench"])
def test_a_fit_that_is_none_or_not_the_model_s_is_refused(
    build: NativeBuild, tiny: Tiny, pictures: Path, tmp_path: Path, program: str
) -> None:
    fixed = structs.replace(tiny.manifest, input=structs.replace(tiny.manifest.input, dynamic=False))
    bundle = write_bundle(tmp_path / "fixed.deepmark", fixed, {"model.mnn": tiny.mnn})
    rest = [next(pictures.iterdir())] if program == "dm_detect" else ["--pictures", pictures, "--runs", 1]
    code, lines, _ = run_program(build, program, bundle, *rest, "--fit", "wide")
    assert code == 2
    assert lines[-1]["message"] == "--fit must be one of square rect, found 'wide'"
    code, lines, _ = run_program(build, program, bundle, *rest, "--fit", "rect")
    assert code == 1
    assert "takes inputs of 64x96 alone: fit must be square" in lines[-1]["message"]
    assert lines[-1]["hint"] == "leave --fit out, or export the model again without --fixed"
    code, lines, _ = run_program(build, program, bundle, *rest, "--fit", "square")
    assert code == 0, lines
    assert run_program(build, program, bundle, *rest, "--fit", "square")[0] == 0


def test_bench_writes_what_the_contract_says(build: NativeBuild, bundle: Path, pictures: Path) -> None:
    words = ("--pictures", pictures, "--runs", 4, "--warm-up-runs", 1, "--threads", 1, "--techniques", "1,2,3,4")
    code, lines, printed = run_program(build, "dm_bench", bundle, *words)
    assert code == 0, printed
    assert [line["event"] for line in lines] == ["start", "loaded", "warm", *["sample"] * 4, "end"]
    assert lines[0]["format"] == "dm_bench/1"
    assert lines[0]["runtime"] == build.runtime
    assert lines[1]["threads_used"] == 1
    assert lines[-1]["runs"] == 4
    assert lines[-1]["memory"]["hwm_kib"] >= lines[-1]["memory"]["rss_kib"]


@pytest.mark.parametrize(("own", "asked", "used"), [({}, (), -1), ({"winograd_level": 0}, (), 0), ({}, (2,), 2)])
def test_bench_obeys_the_level_that_a_model_was_proven_with(
    build: NativeBuild,
    demo_dense_bundle: Path,
    pictures: Path,
    tmp_path: Path,
    own: dict[str, Any],
    asked: tuple[int, ...],
    used: int,
) -> None:
    copied, manifest = _copy(demo_dense_bundle, tmp_path)
    (copied / "manifest.json").write_bytes(structs.replace(manifest, **own).to_json())
    words = ["--pictures", pictures, "--runs", 1, "--warm-up-runs", 0, "--threads", 1]
    words += [word for level in asked for word in ("--winograd", level)]
    code, lines, printed = run_program(build, "dm_bench", copied, *words)
    assert code == 0, printed
    assert lines[1]["winograd_level"] == used


def test_bench_times_both_runs_of_a_flip_test(build: NativeBuild, tiny: Tiny, pictures: Path) -> None:
    words = ("--pictures", pictures, "--runs", 2, "--warm-up-runs", 1, "--threads", 1, "--flip")
    code, lines, printed = run_program(build, "dm_bench", tiny.bundle, *words)
    assert code == 0, printed
    assert [line["event"] for line in lines] == ["start", "loaded", "warm", "sample", "sample", "end"]


@pytest.mark.parametrize("program", ["dm_detect", "dm_bench"])
def test_a_flip_test_without_pairs_is_refused(
    build: NativeBuild, tiny: Tiny, pictures: Path, tmp_path: Path, program: str
) -> None:
    copied, manifest = _copy(tiny.bundle, tmp_path)
    alone = tuple(replace(one, mirror=tuple(range(len(one.groups)))) for one in manifest.keypoints.classes)
    schema = replace(manifest.keypoints, classes=alone)
    manifest = structs.replace(manifest, keypoints=schema, flip_pairs=())
    (copied / "manifest.json").write_bytes(manifest.to_json())
    rest = [next(pictures.iterdir())] if program == "dm_detect" else ["--pictures", pictures, "--runs", 1]
    code, lines, _ = run_program(build, program, copied, *rest, "--flip")
    assert code == 1
    assert "of 3 landmark groups no two are a pair" in lines[-1]["message"]
    assert "partner" in lines[-1]["hint"]


def test_bench_leaves_out_what_cannot_reach_the_threshold(build: NativeBuild, bundle: Path, pictures: Path) -> None:
    found = {}
    for threshold in (0, 1):
        words = ("--pictures", pictures, "--runs", 1, "--warm-up-runs", 0, "--threads", 1, "--threshold", threshold)
        code, lines, printed = run_program(build, "dm_bench", bundle, *words)
        assert code == 0, printed
        found[threshold] = next(line["objects"] for line in lines if line["event"] == "sample")
    assert found[0] > found[1] == 0


@pytest.mark.parametrize("program", ["dm_verify", "dm_detect", "dm_bench"])
def test_a_wrong_command_line_is_exit_2(build: NativeBuild, program: str) -> None:
    code, lines, printed = run_program(build, program, "--nonsense", "1")
    assert code == 2
    assert lines[-1]["event"] == "error"
    assert printed == f"error: {lines[-1]['message']}\n"


@pytest.mark.parametrize("size", ["160x160", "128x160"])
def test_a_size_that_the_bundle_s_network_does_not_take_is_refused(
    build: NativeBuild, tiny: Tiny, pictures: Path, tmp_path: Path, size: str
) -> None:
    bundle = large_steps(tiny, tmp_path / "tiny.deepmark")
    words = (bundle, "--pictures", pictures, "--runs", 1, "--warm-up-runs", 0)

    code, lines, printed = run_program(build, "dm_bench", *words, "--size", size)
    taken, _, _ = run_program(build, "dm_bench", *words, "--size", "128x256")

    assert (code, taken) == (1, 0)
    assert lines[-1]["message"].endswith("must have 128x128 pixels, or multiples of 128")
    assert lines[-1]["hint"] == "leave --size out; if that fails too, copy the bundle again"
    assert printed.count("\n") == 1


def test_weights_changed_by_one_byte_are_refused(build: NativeBuild, tiny: Tiny, tmp_path: Path) -> None:
    copied = tmp_path / "copied.deepmark"
    shutil.copytree(tiny.bundle, copied)
    content = bytearray((copied / "model.mnn").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "model.mnn").write_bytes(content)
    code, lines, printed = run_program(build, "dm_verify", copied)
    assert code == 1
    assert "model.mnn is damaged" in lines[-1]["message"]
    assert printed.count("\n") == 1


def test_a_missing_bundle_is_refused(build: NativeBuild, tmp_path: Path) -> None:
    code, lines, _ = run_program(build, "dm_verify", tmp_path / "no.deepmark")
    assert code == 1
    assert "No such file" in lines[-1]["message"]
