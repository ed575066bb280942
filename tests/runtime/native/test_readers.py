"""The C++ readers give what Python's libraries give, and refuse damaged files with one line, under sanitizers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import encoded
from moving_refiner import make_refiner_manifest
from msgspec import structs
from native_programs import READERS, compile_program
from reader_files import noise, npz_of
from sealed_manifest import change_manifest, seal
from tiny import make_manifest, tiny_schema, write_bundle

from deepmark.runtime.manifest import FileEntry

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def read_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("read_run"), "read_run", READERS)


def run(program: Path, kind: str, path: Path, *words: object) -> subprocess.CompletedProcess[bytes]:
    command = [str(program), kind, str(path), *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60)


def read(program: Path, kind: str, path: Path, content: bytes, *words: object) -> bytes:
    path.write_bytes(content)
    done = run(program, kind, path, *words)
    assert not done.returncode, done.stderr.decode()
    return done.stdout


def require_refused(done: subprocess.CompletedProcess[bytes]) -> None:
    assert done.returncode == 1, done.stderr.decode()
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 65535, 65536, 200001])
def test_sha256(read_run: Path, tmp_path: Path, size: int) -> None:
    content = np.random.default_rng(size).bytes(size)
    assert read(read_run, "sha256", tmp_path / "file", content).decode() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED, zlib.Z_RLE])
@pytest.mark.parametrize("content", [b"", b"a", b"abc" * 30000, np.random.default_rng(1).bytes(70000)], ids=len)
def test_inflate(read_run: Path, tmp_path: Path, level: int, strategy: int, content: bytes) -> None:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    packed = packer.compress(content) + packer.flush()
    assert read(read_run, "deflate", tmp_path / "file", packed, len(content)) == content


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (128, 128), (97, 33)])
def test_png_and_ppm(read_run: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    image = noise(*size)
    assert read(read_run, "png", tmp_path / "file", encoded(image)) == image.tobytes()
    ppm = b"P6\n# a comment\n%d %d\n255\n" % size[::-1] + image[:, :, ::-1].tobytes()
    assert read(read_run, "ppm", tmp_path / "file", ppm) == image.tobytes()


@pytest.mark.parametrize("compressed", [True, False])
def test_npz(read_run: Path, tmp_path: Path, compressed: bool) -> None:
    expected = np.array([1, 2], np.float32).tobytes() + np.arange(36, dtype=np.float32).tobytes()
    assert read(read_run, "npz", tmp_path / "file", npz_of(compressed=compressed)) == expected


@pytest.mark.parametrize(
    "value", [None, True, [], {}, [1, -0.5, 1e300, 2**53], {"a": [{"b": '\u00e9\n"\\ \U0001f455'}], "": 0}], ids=str
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json(read_run: Path, tmp_path: Path, value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=1).encode()
    assert json.loads(read(read_run, "json", tmp_path / "file", text)) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "{",
            "[1,]",
            "[1 2]",
            '{"a":1,}',
            '{"a" 1}',
            "{1:2}",
            '{"a":1,"a":2}',
            "nul",
            "tru",
            "01",
            "1.",
            ".5",
        ),
        *("1e", "+1", "NaN", "Infinity", "1e999", '"', '"\n"', '"\\x"', '"\\u12"', '"\\ud800"', '"\\ud800\\u0041"'),
        *('"\\udc00"', "1 1", "[" * 1000, '{"a":' * 1000, "[" + "0," * (1 << 20) + "0]"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_json_is_refused(read_run: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    require_refused(run(read_run, "json", tmp_path / "file"))


@pytest.mark.parametrize("kind", ["png", "npz", "ppm"])
def test_every_cut_and_every_flipped_byte_is_refused_or_read(read_run: Path, tmp_path: Path, kind: str) -> None:
    whole = {
        "png": encoded(noise(9, 7)),
        "npz": npz_of(compressed=True),
        "ppm": b"P6\n7 9\n255\n" + noise(9, 7).tobytes(),
    }[kind]
    path = tmp_path / "file"
    step = max(len(whole) // 60, 1)
    for size in range(0, len(whole), step):
        path.write_bytes(whole[:size])
        require_refused(run(read_run, kind, path))
    for at in range(0, len(whole), step):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        done = run(read_run, kind, path)
        assert done.returncode in {0, 1}, done.stderr.decode()  # not a sanitizer's exit
        if done.returncode:
            require_refused(done)


@pytest.mark.parametrize("seed", range(40))
def test_noise_is_not_deflated(read_run: Path, tmp_path: Path, seed: int) -> None:
    (tmp_path / "file").write_bytes(np.random.default_rng(seed).bytes(400))
    done = run(read_run, "deflate", tmp_path / "file", 100000)
    assert done.returncode == 1
    assert done.stderr == b"error: not deflated\n"


def test_a_png_of_a_million_sides_is_refused(read_run: Path, tmp_path: Path) -> None:
    header = (1 << 20).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    chunk = b"IHDR" + header
    (tmp_path / "file").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + len(header).to_bytes(4, "big")
        + chunk
        + zlib.crc32(chunk).to_bytes(4, "big")
        + b"\0" * 20
    )
    done = run(read_run, "png", tmp_path / "file")
    require_refused(done)
    assert b"4096 * 4096" in done.stderr


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    return write_bundle(tmp_path / "small.deepmark", make_manifest(), {"model.mnn": weights})


def test_a_bundle_is_read(read_run: Path, bundle: Path) -> None:
    done = run(read_run, "bundle", bundle)
    assert not done.returncode, done.stderr.decode()


def test_a_changed_manifest_is_refused(read_run: Path, bundle: Path) -> None:
    manifest = bundle / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content.replace(b'"top_k": 100', b'"top_k": 101'))
    assert manifest.read_bytes() != content
    done = run(read_run, "bundle", bundle)
    require_refused(done)
    assert b"checksum" in done.stderr


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", "a\\b", "", "."])
def test_a_name_that_leads_out_is_refused(read_run: Path, bundle: Path, name: str) -> None:
    document = json.loads((bundle / "manifest.json").read_bytes())
    document["files"][name] = document["files"]["model.mnn"]
    seal(document, bundle)
    done = run(read_run, "bundle", bundle)
    require_refused(done)
    assert b"leads out" in done.stderr


@pytest.mark.parametrize("missing", [("outline",), ("keypoint_names",), ("outline", "keypoint_names")])
def test_a_class_may_lack_what_it_is_drawn_with(read_run: Path, bundle: Path, missing: tuple[str, ...]) -> None:
    document = json.loads((bundle / "manifest.json").read_bytes())
    for one in document["keypoints"]["classes"]:
        for name in missing:
            del one[name]
    seal(document, bundle)
    done = run(read_run, "bundle", bundle)
    assert not done.returncode, done.stderr.decode()


def _without_landmarks(document: dict[str, Any], classes: int) -> None:
    """Take the landmarks of the first classes out of a manifest."""
    for one in document["keypoints"]["classes"][:classes]:
        one.update(keypoint_names=[], groups=[], mirror=[], sigmas=[], outline=[])


def test_classes_without_landmarks_are_read(read_run: Path, bundle: Path) -> None:
    document = json.loads((bundle / "manifest.json").read_bytes())
    _without_landmarks(document, 2)
    document["keypoints"]["group_names"] = []
    document["flip_pairs"] = []
    seal(document, bundle)
    require_refused(done := run(read_run, "bundle", bundle))
    assert b"heads.channels holds a wrong hm_hp" in done.stderr
    document["heads"]["channels"] = {"hm": 2, "wh": 2, "reg": 2}
    seal(document, bundle)
    done = run(read_run, "bundle", bundle)
    assert not done.returncode, done.stderr.decode()


def test_some_classes_without_landmarks_are_refused(read_run: Path, bundle: Path) -> None:
    document = json.loads((bundle / "manifest.json").read_bytes())
    _without_landmarks(document, 1)
    seal(document, bundle)
    require_refused(done := run(read_run, "bundle", bundle))
    assert b"a class has no landmarks, but other classes have" in done.stderr
    document = json.loads((bundle / "manifest.json").read_bytes())
    document["heads"]["channels"] = {"hm": 2, "wh": 2, "reg": 2}
    document["keypoints"]["classes"][0] = document["keypoints"]["classes"][1]
    seal(document, bundle)
    require_refused(done := run(read_run, "bundle", bundle))
    assert b"heads.channels lacks hps" in done.stderr


@pytest.mark.parametrize(
    ("joined", "sentence"),
    [
        (["hp_offset", "hm", "wh", "hps", "reg", "hm_hp"], b""),
        (["hm", "wh", "hps", "reg", "hm_hp"], b"heads.joined lacks hp_offset"),
        (["hm", "hm", "wh", "hps", "reg", "hm_hp"], b"heads.joined must name each of heads.channels once"),
        (["hm", "depth"], b"heads.joined must name each of heads.channels once"),
        ([1], b"heads.joined must name each of heads.channels once"),
        ([], b"heads.joined lacks hm"),
        ("hm", b"the field joined is missing or of another type"),
    ],
)
def test_joined_outputs_are_read(read_run: Path, bundle: Path, joined: object, sentence: bytes) -> None:
    done = run(read_run, "bundle", change_manifest(bundle, lambda document: document["heads"].update(joined=joined)))
    if not sentence:
        assert not done.returncode, done.stderr.decode()
        return
    require_refused(done)
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fit": "square", "dynamic": False}, b""),
        ({"fit": "rect"}, b""),
        ({"fit": "wide"}, b"the field fit must be square or rect"),
        ({"fit": True}, b"the field fit is missing or of another type"),
        ({"fit": "rect", "dynamic": False}, b"fit must be square where the model takes one size only"),
    ],
)
def test_the_fit_is_checked(read_run: Path, bundle: Path, change: dict[str, object], sentence: bytes) -> None:
    change_manifest(bundle, lambda document: document["input"].update(change))
    done = run(read_run, "bundle", bundle)
    assert done.returncode == bool(sentence), done.stderr.decode()
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("outline", [[0, 1], [2]], b"the field outline must be a whole number from 0 to 1"),
        ("outline", [[-1]], b"the field outline must be a whole number from 0 to 1"),
        ("outline", [0, 1], b"the field outline must hold lines"),
        ("outline", [["0"]], b"the field outline must hold numbers"),
        ("outline", 7, b"the field outline is missing or of another type"),
        ("keypoint_names", ["left"], b"a class must have a name for each of its landmarks"),
        ("keypoint_names", ["left", 2], b"the field keypoint_names must hold names"),
    ],
)
def test_what_a_class_is_drawn_with_is_checked(
    read_run: Path, bundle: Path, field: str, value: object, sentence: bytes
) -> None:
    document = json.loads((bundle / "manifest.json").read_bytes())
    document["keypoints"]["classes"][0][field] = value  # of two landmarks
    seal(document, bundle)
    done = run(read_run, "bundle", bundle)
    require_refused(done)
    assert sentence in done.stderr


@pytest.mark.parametrize("change", ["missing", "longer", "link"])
def test_a_file_that_is_not_as_listed_is_refused(read_run: Path, bundle: Path, tmp_path: Path, change: str) -> None:
    model = bundle / "model.mnn"
    if change == "longer":
        model.write_bytes(b"weights and more")
    else:
        model.rename(tmp_path / "elsewhere")
        if change == "link":
            model.symlink_to(tmp_path / "elsewhere")
    require_refused(run(read_run, "bundle", bundle))


@pytest.fixture
def refiner(tmp_path: Path) -> Path:
    """A refiner's bundle of two classes with three channels."""
    folder = tmp_path / "refiner.deepmark"
    folder.mkdir()
    (folder / "model.mnn").write_bytes(b"weights")
    entry = FileEntry(sha256=hashlib.sha256(b"weights").hexdigest(), bytes=7)
    manifest = structs.replace(make_refiner_manifest(tiny_schema()), files={"model.mnn": entry})
    (folder / "manifest.json").write_bytes(manifest.to_json())
    return folder


def test_a_refiner_is_no_detector_nor_the_other_way_round(read_run: Path, bundle: Path, refiner: Path) -> None:
    done = run(read_run, "refiner", refiner)
    assert not done.returncode, done.stderr.decode()
    require_refused(done := run(read_run, "bundle", refiner))
    assert b"is of a refiner, expected a detector" in done.stderr
    require_refused(done := run(read_run, "refiner", bundle))
    assert b"is of a detector, expected a refiner" in done.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "segmenter"}, b"is of another kind of model, expected a refiner"),
        ({"kind": 1}, b"the field kind is missing or of another type"),
        ({"schema_version": 2}, b"expected schema version 1"),
        ({"input": {"height": 65, "width": 64, "sigma": 2.0, "crop": "posefix"}}, b"height must be a multiple of 32"),
        ({"input": {"height": 64, "width": 2048, "sigma": 2.0, "crop": "posefix"}}, b"whole number from 32 to 1024"),
        ({"input": {"height": 64, "width": 64, "sigma": 2.0, "crop": "other"}}, b"the field crop must be posefix"),
        ({"num_channels": 0}, b"the field num_channels must be a whole number from 1"),
        ({"channels": [[0, 1]]}, b"channels must have an entry for each class"),
        ({"channels": [[0, 1], [0, 1]]}, b"must have a channel for each of its landmarks"),
        ({"channels": [[0, 0], []]}, b"two landmarks of a class have one channel"),
        ({"channels": [[0, 3], []]}, b"the field channels must be a whole number from 0 to 2"),
        ({"channels": [[0, "1"], []]}, b"the field channels must hold numbers"),
        ({"channels": [0, 1]}, b"the field channels must hold lists"),
        ({"channels": [[], []]}, b"channels must name at least one class's landmarks"),
        ({"files": {}}, b"has no model for MNN"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_refiner_is_refused(read_run: Path, refiner: Path, change: dict[str, Any], sentence: bytes) -> None:
    done = run(read_run, "refiner", change_manifest(refiner, lambda document: document.update(change)))
    require_refused(done)
    assert sentence in done.stderr


def test_a_refiner_s_changed_weights_are_refused(read_run: Path, refiner: Path) -> None:
    (refiner / "model.mnn").write_bytes(b"Weights")
    require_refused(done := run(read_run, "refiner", refiner))
    assert b"model.mnn is damaged" in done.stderr
