"""The app's engine, Java over the bridge over MNN, in this computer's JVM: what it finds, and how it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_planes import CameraPicture, to_yuv
from java_engine import CPP, LIBRARY, JavaEngine, compile_engine, require_jdk
from media_files import encoded, read_image
from msgspec.structs import replace as replace_fields
from sealed_manifest import change_manifest
from tiny import boxes_schema, convert, export_tiny, make_manifest, write_bundle

from deepmark.benchmarks.device.ways import all_gpu_ways
from deepmark.commands.bench import SWEEP_THREADS
from deepmark.exporter.vectors import read_vectors
from deepmark.runtime import Detector
from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import with_techniques
from deepmark.runtime.engines.gpu_settings import GpuSettings

pytestmark = pytest.mark.slow

ALL, SCORE = 15, 0.2
Command = tuple[object, ...]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> JavaEngine:
    require_jdk()
    if missing := [tool for tool in ("cmake", "g++", "nm") if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    return JavaEngine.build(tmp_path_factory.mktemp("java-engine"))


@pytest.fixture(scope="module")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    export_tiny(folder / "tiny.onnx", make_manifest())
    convert(folder / "tiny.onnx", folder / "tiny.mnn")
    return write_bundle(folder / "tiny.deepmark", make_manifest(), {"model.mnn": folder / "tiny.mnn"})


def _picture(folder: Path, image: Image8, techniques: int = ALL, score: float = SCORE) -> Command:
    """A picture in a file, and the command that analyses it."""
    path = folder / f"picture-{len(list(folder.iterdir()))}"
    height, width = image.shape[:2]
    alpha = np.full((height, width), 255, np.uint8)
    path.write_bytes(np.dstack([alpha, image[:, :, ::-1]]).tobytes())
    return ("picture", techniques, score, width, height, path)


def _frame(folder: Path, picture: CameraPicture) -> Command:
    path = folder / f"frame-{len(list(folder.iterdir()))}"
    content, numbers = b"", []
    for plane, *strides in picture.planes():
        numbers += [len(content), len(plane), *strides]
        content += plane
    path.write_bytes(content)
    return ("frame", ALL, SCORE, path, *numbers, *picture.holding())


def _require_as_python(found: dict[str, Any], detector: Detector, image: Image8) -> None:
    """The letterboxes of the two languages may differ by a grey level: half a pixel of a picture of 384."""
    expected = detector(image)
    keep = expected.scores >= SCORE
    assert keep.any()
    assert found["size"] == [image.shape[1], image.shape[0]]
    assert [one["class_id"] for one in found["objects"]] == expected.class_ids[keep].tolist()
    for i, one in enumerate(found["objects"]):
        np.testing.assert_allclose(one["score"], expected.scores[i], atol=0.01)
        np.testing.assert_allclose(one["box_score"], expected.box_scores[i], atol=0.01)
        np.testing.assert_allclose(one["landmark_score"], expected.keypoints_score[i], atol=0.01)
        np.testing.assert_allclose(one["box"], expected.boxes[i], atol=0.5)
        points = np.reshape(one["landmarks"], (-1, 4))
        np.testing.assert_allclose(points[:, :2], expected.keypoints[i], atol=0.5)
        np.testing.assert_allclose(points[:, 2], expected.keypoint_scores[i], atol=0.01)
        np.testing.assert_array_equal(points[:, 3] > 0, expected.refined[i])


def test_samples_are_found_as_python_finds_them(
    engine: JavaEngine, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    images = [read_image(path) for path in demo_pictures[:3]]
    answers = engine.run(tmp_path, ("open", demo_bundle, 1), *(_picture(tmp_path, image) for image in images))
    detector = Detector(demo_bundle, threads=1)
    for image, answer in zip(images, answers[1:], strict=True):
        _require_as_python(json.loads(answer), detector, image)
        assert min(json.loads(answer)["ms"]) > 0


def test_a_camera_s_shape_is_kept(
    engine: JavaEngine, demo_bundle: Path, demo_pictures: tuple[Path, ...], tiny_bundle: Path, tmp_path: Path
) -> None:
    """However the phone is held; and a model of one size stays square, as it must."""
    image = read_image(demo_pictures[0])
    tall, wide = np.ascontiguousarray(image[:, 48:336]), np.ascontiguousarray(image[48:336])
    lying = np.ascontiguousarray(np.rot90(tall))
    frames = [CameraPicture(*to_yuv(lying), rotation=90), CameraPicture(*to_yuv(wide))]
    fixed = Path(shutil.copytree(tiny_bundle, tmp_path / "fixed.deepmark"))
    change_manifest(fixed, lambda document: document["input"].update(dynamic=False))
    commands = [("open", demo_bundle, 1, "RECT"), ("describe",), _picture(tmp_path, tall)]
    commands += [_frame(tmp_path, frame) for frame in frames]
    answers = engine.run(tmp_path, *commands, ("open", fixed, 1, "RECT"), ("describe",))
    assert json.loads(answers[1])["input"]["fit"] == "rect"
    detector = Detector(demo_bundle, threads=1, fit="rect")
    for image, answer in zip([tall, *(one.upright() for one in frames)], answers[2:5], strict=True):
        _require_as_python(json.loads(answer), detector, image)
    assert json.loads(answers[6])["input"]["fit"] == "square"


def test_techniques_and_score_change_with_the_picture(
    engine: JavaEngine, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    image = read_image(demo_pictures[0])
    asked = [0b0010, 0b1101, 0, ALL]
    commands = [_picture(tmp_path, image, techniques) for techniques in asked]
    answers = engine.run(tmp_path, ("open", demo_bundle, 1), *commands, _picture(tmp_path, image, ALL, 1.0))
    manifest = open_bundle(demo_bundle).manifest
    with Detector(demo_bundle, threads=1).engine as loaded:
        for techniques, answer in zip(asked, answers[1:], strict=False):
            chosen = frozenset(i for i in (1, 2, 3, 4) if techniques >> (i - 1) & 1)
            params = replace(with_techniques(manifest.decoder, chosen), score_threshold=SCORE)
            _require_as_python(json.loads(answer), Detector(loaded, params=params), image)
    assert json.loads(answers[-1])["objects"] == []


@pytest.mark.usefixtures("software_gpus")
def test_a_gpu_is_proven_in_the_jvm(
    engine: JavaEngine, demo_dense_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    """MNN's engine is a library of a library there, whose symbols its GPU back end does not see by itself."""
    names = ("MNN_GPU_LIBRARIES", "VK_ICD_FILENAMES")
    environment = {name: os.environ[name] for name in names}
    image = read_image(demo_pictures[0])
    commands: tuple[Command, ...] = (("open", demo_dense_bundle, 1), ("describe",), _picture(tmp_path, image))
    gpu = ("-Ddeepmark.compute=VULKAN",)
    answers = engine.run(tmp_path, *commands, options=gpu, environment=environment)
    facts = json.loads(answers[1])["engine"]
    assert facts["threads_used"] == 0
    ran, _, total = facts["gpu"]["placement"].split()[:3]
    assert ran == total
    assert int(total) > 100
    _require_as_python(json.loads(answers[2]), Detector(demo_dense_bundle, threads=1), image)
    environment["MNN_GPU_LIBRARIES"] = str(tmp_path)
    (refused,) = engine.run(tmp_path, commands[0], options=gpu, environment=environment)
    assert refused.startswith("error MNN's Vulkan back end is missing: ")


def test_a_search_of_the_app_tries_what_find_tries(engine: JavaEngine, tmp_path: Path) -> None:
    (found,) = engine.run(tmp_path, ("ways",))
    of_cpu = [f"{threads} {precision}" for threads in SWEEP_THREADS for precision in ("fp32", "fp16")]
    assert found.split(", ") == [*of_cpu, *(way.label for way in all_gpu_ways(GpuSettings()))]


def test_every_part_of_a_way_reaches_the_engine(
    engine: JavaEngine, tiny_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    """No GPU is needed: the engine says what it was asked for, and then that its back end is missing."""
    (tmp_path / "picture.ppm").write_bytes(encoded(read_image(demo_pictures[0]), ".ppm"))
    words = ("precision", "storage", "threads")
    for options, expected in (
        (("precision=FP16",), ("fp16", None, 3)),
        (("compute=OPENCL", "precision=FP16_SUMS", "storage=BUFFER"), ("low", "buffer", 0)),
        (("compute=OPENCL", "precision=FP16"), ("normal", "image", 0)),
        (("compute=VULKAN",), ("high", "image", 0)),
    ):
        properties = tuple(f"-Ddeepmark.{one}" for one in options)
        environment = {"MNN_GPU_LIBRARIES": str(tmp_path)}
        command = ("asked", tiny_bundle, tmp_path)
        (answer,) = engine.run(tmp_path, command, options=properties, environment=environment)
        asked = json.loads(answer)
        assert tuple(asked.get(word) for word in words) == expected


@pytest.mark.usefixtures("software_gpus")
def test_what_a_driver_compiled_is_kept(
    engine: JavaEngine, tiny_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    image = read_image(demo_pictures[0])[:64, :96]  # the network's size
    (tmp_path / "picture.ppm").write_bytes(encoded(image, ".ppm"))
    kernels = tmp_path / "kernels"
    opened: tuple[Command, ...] = (("open", tiny_bundle, 1), ("describe",), ("close",))
    answers = engine.run(
        tmp_path,
        *opened,
        *opened,
        ("bench", tiny_bundle, tmp_path, 0, 1, -1, -1),
        options=("-Ddeepmark.compute=VULKAN", f"-Ddeepmark.kernels={kernels}"),
        environment={name: os.environ[name] for name in ("MNN_GPU_LIBRARIES", "VK_ICD_FILENAMES")},
    )
    first, second = (json.loads(answers[at])["engine"]["gpu"] for at in (1, 4))
    loaded = json.loads(answers[6].removeprefix("done "))[1]["gpu"]
    assert [one["kernels"] for one in (first, second, loaded)] == ["compiled", "cached", "cached"]
    assert second["compiled_ms"] == loaded["compiled_ms"] == first["compiled_ms"]
    assert len(list(kernels.iterdir())) == 1


def test_a_model_of_boxes_finds_objects_without_landmarks(engine: JavaEngine, tmp_path: Path) -> None:
    schema, made = boxes_schema(), make_manifest()
    heads = replace_fields(made.heads, channels={"hm": 2, "wh": 2, "reg": 2})
    params = replace(DecoderParams.baseline(), nms="soft")
    manifest = replace_fields(made, keypoints=schema, flip_pairs=(), heads=heads, decoder=params)
    export_tiny(tmp_path / "boxes.onnx", manifest)
    convert(tmp_path / "boxes.onnx", tmp_path / "boxes.mnn")
    bundle = write_bundle(tmp_path / "boxes.deepmark", manifest, {"model.mnn": tmp_path / "boxes.mnn"})
    image = np.random.default_rng(5).integers(0, 256, (64, 96, 3), np.uint8)  # the network's size: no letterbox

    answers = engine.run(
        tmp_path, ("open", bundle, 1), ("describe",), *(_picture(tmp_path, image, t) for t in (0, ALL))
    )

    described = json.loads(answers[1])
    assert described["classes"] == [{"name": one.name, "landmarks": [], "outline": []} for one in schema.classes]
    assert described["decoder"]["techniques"] == []
    with Detector(bundle, threads=1).engine as loaded:
        for techniques, answer in (((), answers[2]), ((1, 2, 3, 4), answers[3])):
            chosen = replace(with_techniques(params, techniques), score_threshold=SCORE)
            _require_as_python(json.loads(answer), Detector(loaded, params=chosen), image)


def test_a_camera_sees_what_a_picture_shows(
    engine: JavaEngine, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    """However the phone is held: the planes of the turned picture give the objects of the upright one, to the bit."""
    image = read_image(demo_pictures[0])[:, 40:340]
    commands: list[Command] = []
    for rotation in (0, 90, 180, 270):
        mirrored = rotation in {90, 180}
        seen = np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, rotation // 90))
        height, width = seen.shape[:2]
        crop = (2, 4, width - 6, height - 3)
        frame = CameraPicture(
            *to_yuv(seen), padding=16, crop=crop, rotation=rotation, mirrored=mirrored, full_range=False
        )
        commands += [_frame(tmp_path, frame), _picture(tmp_path, frame.upright())]
    full = CameraPicture(*to_yuv(image))
    answers = engine.run(tmp_path, ("open", demo_bundle, 1), *commands, _frame(tmp_path, full))
    for frame_answer, picture_answer in zip(answers[1:-1:2], answers[2:-1:2], strict=True):
        from_frame, from_picture = json.loads(frame_answer), json.loads(picture_answer)
        assert from_frame["objects"]
        assert {**from_frame, "ms": None} == {**from_picture, "ms": None}
    _require_as_python(json.loads(answers[-1]), Detector(demo_bundle, threads=1), full.upright())


def test_a_model_is_described(engine: JavaEngine, demo_bundle: Path, tmp_path: Path) -> None:
    manifest = open_bundle(demo_bundle).manifest
    found = json.loads(engine.run(tmp_path, ("open", demo_bundle, 1), ("describe",))[1])
    assert (found["name"], found["precision"]) == (manifest.name, manifest.precision)
    assert found["input"] == {"height": manifest.input.height, "width": manifest.input.width, "fit": "square"}
    assert found["classes"] == [
        {
            "name": one.name,
            "landmarks": list(one.keypoint_names),
            "outline": [list(line) for line in one.outline],
        }
        for one in manifest.keypoints.classes
    ]
    assert found["decoder"].pop("techniques") == [1, 2, 3, 4]
    for name, value in found["decoder"].items():
        assert getattr(manifest.decoder, name) == value, name
    assert found["engine"]["threads_used"] == 1
    assert found["engine"]["memory_mib"] > 0


def test_vectors_are_verified(engine: JavaEngine, demo_bundle: Path, demo_dense_bundle: Path, tmp_path: Path) -> None:
    answers = engine.run(
        tmp_path,
        ("verify", demo_bundle, -1),
        ("verify", demo_dense_bundle, -1),
        ("verify", demo_bundle, 1),
        ("verify", demo_bundle, -2),
        ("verify", tmp_path, -1),
    )
    for answer, bundle in zip(answers[:2], (demo_bundle, demo_dense_bundle), strict=True):
        verdict, lines = answer.split(" ", 1)
        assert verdict == "equal"
        vectors = len(read_vectors(open_bundle(bundle)))
        assert [line["event"] for line in json.loads(lines)] == ["vector"] * vectors + ["end"]
    assert answers[2:4] == ["error it was cancelled", "error the sink is full"]
    assert answers[4] == f"error {tmp_path}/manifest.json: No such file or directory"


def test_the_benchmark_has_the_programs_form(
    engine: JavaEngine, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    (tmp_path / "picture.ppm").write_bytes(encoded(read_image(demo_pictures[0]), ".ppm"))
    answers = engine.run(
        tmp_path,
        ("bench", demo_bundle, tmp_path, 1, 2, 0b0101, -1),
        ("bench", demo_bundle, tmp_path, 0, 1, -1, -1),
        ("bench", demo_bundle, tmp_path, 0, 50, -1, 3),
        ("bench", demo_bundle, tmp_path, 0, 0, -1, -1),
        ("bench", demo_bundle, tmp_path / "none", 0, 1, -1, -1),
    )
    lines = json.loads(answers[0].removeprefix("done "))
    assert [line["event"] for line in lines] == ["start", "loaded", "warm", "sample", "sample", "end"]
    assert (lines[0]["format"], lines[0]["techniques"]) == ("dm_bench/1", "1,3")
    assert json.loads(answers[1].removeprefix("done "))[0]["techniques"] == "manifest"
    assert answers[2] == "error it was cancelled"
    assert answers[3] == "error runs or seconds must be above 0"
    assert answers[4].endswith("none: no folder of pictures")


def test_bad_input_is_an_exception_with_a_sentence(engine: JavaEngine, tiny_bundle: Path, tmp_path: Path) -> None:
    frame = CameraPicture(*to_yuv(np.zeros((8, 8, 3), np.uint8)))
    good = _frame(tmp_path, frame)
    picture = _picture(tmp_path, np.zeros((4, 5, 3), np.uint8))
    expected: list[tuple[Command, str]] = [
        (("open", tmp_path / "gr\u00fc\u00df \U0001f455", 1), "gr\u00fc\u00df \U0001f455/manifest.json: No such file"),
        (("open", tiny_bundle, 65), "error threads must be 1 to 64, found 65"),
        (("open", "a\0b", 1), "error a path holds a zero byte"),
        (("open", tiny_bundle, 1), "opened"),
        (_picture(tmp_path, np.zeros((1, 1, 3), np.uint8)), '"size":[1,1]'),
        ((*picture[:3], 6, 4, picture[5]), "error a picture of 6x4 pixels has 20"),
        ((*picture[:3], 1 << 30, 1 << 30, picture[5]), "error a picture of 1073741824x1073741824 pixels has 20"),
        ((*picture[:3], 0, 4, picture[5]), "error a picture must have sides of 1 to 32766 pixels, found 4x0"),
        ((*picture[:3], -5, -4, picture[5]), "found -4x-5"),
        ((*good[:5], 60, *good[6:]), "error the camera's plane Y has 60 bytes, expected 64"),
        ((*good[:6], 0, *good[7:]), "error the camera's plane Y has a row stride of 0"),
        ((*good[:-3], 45, 0, 1), "error a picture is turned by 0, 90, 180 or 270 degrees, found 45"),
        (("heap frame", *good[1:]), "error the camera's plane Y is no direct buffer"),
        (("handle", 0), "error this detector is closed"),
        (("handle", 1 << 40), "error this detector is closed"),
        (("handle", -1), "error this detector is closed"),
        (good, '"size":[8,8]'),
        (("close",), "closed"),
        (("close",), "closed"),
        (good, "error this detector is closed"),
        (picture, "error this detector is closed"),
        (("describe",), "error this detector is closed"),
    ]
    answers = engine.run(tmp_path, *(command for command, _ in expected))
    for (command, sentence), answer in zip(expected, answers, strict=True):
        assert sentence in answer, command


def test_four_threads_share_a_detector(
    engine: JavaEngine, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    _, *words = _picture(tmp_path, read_image(demo_pictures[0]))
    answers = engine.run(tmp_path, ("open", demo_bundle, 1), ("threads", 4, *words))
    assert answers[1] == "different []"


def test_a_thousand_detectors_leave_nothing_behind(engine: JavaEngine, tiny_bundle: Path, tmp_path: Path) -> None:
    words = _picture(tmp_path, np.zeros((40, 60, 3), np.uint8))
    # The heap is all there from the beginning, so that what grows is native.
    heap = ("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch")
    (answer,) = engine.run(tmp_path, ("cycles", 1000, tiny_bundle, *words[1:]), options=heap)
    assert int(answer.removeprefix("grew ")) <= 2048


def _exported(library: Path) -> set[str]:
    listed = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in listed.stdout.splitlines()}


@pytest.fixture(scope="module")
def native_methods(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the functions that Bridge.java asks for, as javac has them."""
    require_jdk()
    headers = tmp_path_factory.mktemp("headers")
    compile_engine(tmp_path_factory.mktemp("classes"), "-h", str(headers))
    (header,) = headers.glob("*Bridge.h")
    return set(re.findall(r"Java_\w+", header.read_text()))


def test_the_library_exports_the_bridge_and_nothing_else(engine: JavaEngine, native_methods: set[str]) -> None:
    assert _exported(engine.libraries / LIBRARY) == native_methods


def test_it_loads_on_pages_of_16_kib(engine: JavaEngine) -> None:
    require_pages_of_16_kib(engine.libraries / LIBRARY)


def require_pages_of_16_kib(library: Path) -> None:
    """Read the alignment of the LOAD segments off a 64-bit little-endian library."""
    content = library.read_bytes()
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", content, table + i * size) for i in range(count)]
    loads = [segment[7] for segment in segments if segment[0] == 1]
    assert loads
    assert all(alignment >= 16384 for alignment in loads)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile the stand-in, as the packager does, with one of two compilers."""

    def build(compiler: str) -> Path:
        if shutil.which(compiler) is None:
            pytest.skip(f"needs {compiler}")
        library = tmp_path_factory.mktemp("stand-in") / LIBRARY
        flags = ["-shared", "-nostdlib", "-ffreestanding", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
        command = [compiler, *flags, "-Wl,-z,max-page-size=16384", "-o", str(library), str(CPP / "stand_in.c")]
        subprocess.run(command, check=True)
        return library

    return build


def test_the_stand_in_for_a_phone_needs_no_other_library(
    stand_in: Callable[[str], Path], native_methods: set[str]
) -> None:
    library = stand_in("aarch64-linux-gnu-gcc")
    assert _exported(library) == native_methods
    require_pages_of_16_kib(library)
    listed = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True)
    assert "NEEDED" not in listed.stdout


def test_the_stand_in_answers_with_a_sentence(
    stand_in: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    require_jdk()
    classes = compile_engine(tmp_path_factory.mktemp("classes"))
    engine = JavaEngine(classes, stand_in("gcc").parent)
    answers = engine.run(
        tmp_path,
        ("open", "/bundle", 1),
        ("handle", 1),
        ("verify", "/bundle", -1),
        ("bench", "/bundle", "/pictures", 0, 1, -1, -1),
    )
    assert (
        answers
        == ["error This app was built with a stand-in for its native library: it shows the app, and computes nothing."]
        * 4
    )


def test_a_missing_library_is_said_each_time(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    require_jdk()
    engine = JavaEngine(compile_engine(tmp_path_factory.mktemp("classes")), tmp_path)
    answers = engine.run(tmp_path, ("open", "/bundle", 1), ("verify", "/bundle", -1))
    assert all(answer.startswith("error the native library cannot be loaded: no deepmark_jni") for answer in answers)
