"""Networks without some of CenterNet's heads, the whole way: export, both engines, C++, drawing, fewer bits."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from media_files import encoded, read_image
from native_programs import run_program
from shared import shared_folder
from tiny import boxes_schema, tiny_schema
from tiny_network import HEADS, export_loaded, tiny_loaded, tiny_network

from deepmark.errors import BundleError, UsageError
from deepmark.exporter.precision import calibration, reduction
from deepmark.exporter.precision.plan import Limits
from deepmark.exporter.verification import verify
from deepmark.runtime import Detector
from deepmark.runtime.bundle import Backend, open_bundle
from deepmark.runtime.decoding.techniques import require_use
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.overlay import annotate
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.records import object_records
from deepmark.runtime.native import NativeBuild


class HeadSet(NamedTuple):
    """Heads of a network, and the classes that it finds."""

    absent: tuple[str, ...]
    schema: KeypointSchema


SETS = {  # CenterNet's options that leave heads out; its task ctdet has none of landmarks
    "not_reg_offset": HeadSet(("reg",), tiny_schema()),
    "not_reg_hp_offset": HeadSet(("hp_offset",), tiny_schema()),
    "not_hm_hp": HeadSet(("hm_hp",), tiny_schema()),
    "not_hm_hp not_reg_hp_offset": HeadSet(("hm_hp", "hp_offset"), tiny_schema()),
    "ctdet": HeadSet(("hps", "hm_hp", "hp_offset"), boxes_schema()),
    "ctdet not_reg_offset": HeadSet(("hps", "hm_hp", "hp_offset", "reg"), boxes_schema()),
}
LAYOUTS = ("dense", "sparse")


def _export(name: str, folder: Path, **options: object) -> Path:
    absent, schema = SETS[name]
    heads = {head: count for head, count in HEADS.items() if head not in absent}
    return export_loaded(folder, tiny_loaded(tiny_network(3, heads), schema=schema), size=(64, 96), **options).path


@pytest.fixture(scope="module", params=[(name, layout) for name in SETS for layout in LAYOUTS], ids="-".join)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, layout = request.param
    key = "-".join(["heads", layout, *SETS[name].absent])
    folder = shared_folder(
        tmp_path_factory, key, lambda folder: _export(name, folder, to=("onnx", "mnn"), heads=layout)
    )
    return folder / "tiny.deepmark"


def _picture() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (80, 110, 3), dtype=np.uint8)


def _strong(found: Detections, floor: float = 0.3) -> Detections:
    return found.select(np.flatnonzero(found.scores >= floor))


def test_a_bundle_says_what_it_has_and_proves_itself(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    schema = manifest.keypoints
    assert schema.boxes_only == ("hps" not in manifest.heads.heads)
    found = verify(bundle, threads=1).report
    assert found.passed
    assert all(hop.objects.matched > 0 for hop in found)
    assert all((hop.objects.landmarks > 0) == (not schema.boxes_only) for hop in found)


def test_both_engines_find_the_same_and_it_can_be_drawn_and_written(bundle: Path) -> None:
    picture, backends = _picture(), tuple[Backend, ...](("mnn", "onnxruntime"))
    one, other = (_strong(Detector(bundle, threads=1, backend=backend)(picture)) for backend in backends)
    assert len(one) == len(other) > 0
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.05)
    schema = open_bundle(bundle).manifest.keypoints
    assert (annotate(picture, one, schema) != picture).any()
    records = object_records(one, schema)
    assert [len(record.keypoints) for record in records] == [len(schema.groups[i]) for i in one.class_ids]


@pytest.mark.slow
def test_the_native_programs_take_it(bundle: Path, host_build: NativeBuild, tmp_path: Path) -> None:
    (tmp_path / "one.ppm").write_bytes(encoded(_picture(), ".ppm"))

    def run(*words: object) -> list[dict[str, object]]:
        code, lines, printed = run_program(host_build, str(words[0]), *words[1:], "--threads", 1)
        assert code == 0, f"{printed} {lines}"
        return lines

    assert run("dm_verify", bundle)[-1]["equal"]
    bench = ("--runs", 1, "--warm-up-runs", 0, "--threshold", 0.1)
    assert run("dm_bench", bundle, "--pictures", tmp_path, *bench)[-1]["event"] == "end"
    expected = _strong(Detector(bundle, threads=1)(read_image(tmp_path / "one.ppm")))
    objects = run("dm_detect", bundle, tmp_path / "one.ppm", "--threshold", 0.2)[0]["objects"]
    assert isinstance(objects, list)
    assert len(expected)
    for class_id, score, box, points in zip(
        expected.class_ids, expected.scores, expected.boxes, expected.keypoints, strict=True
    ):  # the letterboxes may differ by a grey level
        assert any(
            one["class_id"] == class_id
            and abs(one["score"] - score) < 0.02
            and np.allclose(one["box"], box, atol=0.5)
            and np.allclose(np.reshape(one["keypoints"], (-1, 2)), points, atol=0.5)
            for one in objects
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"), [("ctdet", "fp16"), ("ctdet", "int8"), ("not_hm_hp not_reg_hp_offset", "w8")]
)
def test_fewer_bits(name: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DRAWN_PICTURES", 3)
    monkeypatch.setattr(reduction, "JUDGE_PICTURES", 2)
    path = _export(name, tmp_path, precision=precision, limits=Limits(min_kept=0))
    quantisation = open_bundle(path).manifest.quantisation
    assert quantisation is not None
    assert quantisation.loss.objects > 0
    assert 0 < quantisation.loss.kept <= 1
    assert verify(path, threads=1).report.passed


@pytest.mark.parametrize("name", SETS)
def test_a_bundle_of_other_classes_is_refused(name: str, tmp_path: Path) -> None:
    """Landmarks where the heads have none, and the other way round: nothing such can be opened."""
    path = _export(name, tmp_path, to=("onnx",), heads="dense")
    manifest = open_bundle(path).manifest
    other = tiny_schema() if manifest.keypoints.boxes_only else boxes_schema()
    words = "lacks hps" if manifest.keypoints.boxes_only else "is of landmarks, which the classes do not have"
    document = msgspec.to_builtins(manifest)
    document["keypoints"] = msgspec.to_builtins(other)
    document["flip_pairs"] = other.flip_pairs
    (path / "manifest.json").write_bytes(json.dumps(document).encode())
    with pytest.raises(BundleError, match=rf"manifest\.json is damaged: .*{words}"):
        open_bundle(path)


def test_what_a_network_has_no_use_for_is_off_in_its_bundle(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    params = manifest.decoder
    landmarks = (params.alpha, params.sigma_keypoint, params.gamma, params.mask)
    if "hm_hp" in manifest.heads.heads:
        assert landmarks == (0.8, 0.9, 0.75, True)
    else:
        assert landmarks == (1, 0, 1, False)
    assert params.sigma_center == (0 if manifest.keypoints.boxes_only else 0.45)
    assert params.nms == "soft"
    picture = _picture()
    ignored = replace(params, alpha=0.3, sigma_keypoint=0.2, gamma=0.1, mask=True)
    if "hm_hp" not in manifest.heads.heads:
        one, other = (Detector(bundle, threads=1, params=changed)(picture) for changed in (params, ignored))
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize(
    ("absent", "techniques", "words"),
    [
        (("hps", "hm_hp", "hp_offset"), (1, 2, 3, 4), "technique 1, 3, 4: it finds boxes only"),
        (("hps", "hm_hp", "hp_offset"), (4,), "technique 4: it finds boxes only"),
        (("hm_hp",), (2, 3), "technique 3: it finds landmarks without a heatmap"),
        (("hps", "hm_hp", "hp_offset"), (2,), None),
        (("hp_offset", "reg"), (1, 2, 3, 4), None),
    ],
)
def test_techniques_that_could_change_nothing_are_refused(
    absent: tuple[str, ...], techniques: tuple[int, ...], words: str | None
) -> None:
    heads = [head for head in HEADS if head not in absent]
    if words is None:
        require_use(techniques, heads, model="tiny")
        return
    with pytest.raises(UsageError, match=f"tiny has no use for {words}"):
        require_use(techniques, heads, model="tiny")


@pytest.mark.slow
def test_dm_bench_refuses_them_too(host_build: NativeBuild, tmp_path: Path) -> None:
    bundle = _export("ctdet", tmp_path)
    (tmp_path / "one.ppm").write_bytes(encoded(_picture(), ".ppm"))
    for techniques, code in (("1,2", 1), ("all", 1), ("2", 0), ("none", 0)):
        words = ("--pictures", str(tmp_path), "--runs", "1", "--techniques", techniques)
        done = subprocess.run(
            [*host_build.launch("dm_bench"), str(bundle), *words],
            cwd=host_build.folder,
            env={"LD_LIBRARY_PATH": "."},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, done.stderr
        assert ("has no use for techniques 1, 3 and 4" in done.stderr) == bool(code)
