"""``deepmark tune``, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from deepfashion2_files import document, item, write_set
from outcome import Deepmark
from small_models import deepfashion2_bundle

from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.runtime.bundle import open_bundle


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawings; never written to by a test."""
    folder = tmp_path_factory.mktemp("drawings")
    write_dataset(folder, count=12, seed=1, size=128, workers=1)
    return folder


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two convolutions with DeepFashion2's heads; never written to by a test."""
    return deepfashion2_bundle(tmp_path_factory.mktemp("small"))


def on(folder: Path, *more: object) -> tuple[object, ...]:
    return ("--images", folder, "--annotations", folder, "--step", ".5", *more)


def significant(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    """A dozen drawings prove nothing: say what is wanted."""
    monkeypatch.setattr("deepmark.models.evaluation.gains.Gain.is_significant", property(lambda _: answer))


@pytest.mark.slow
def test_what_is_found_goes_into_the_bundle_with_its_origin(
    deepmark: Deepmark, demo_bundle: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    significant(monkeypatch, answer=True)
    bundle = Path(shutil.copytree(demo_bundle, tmp_path / "shirt.deepmark"))
    made = {name: tmp_path / "out" / name for name in ("map.png", "map.csv")}

    looks = ("--flip", "--scales", ".9,1")
    outcome = deepmark(
        "tune", bundle, *on(drawings, *looks, "--write", "--map", made["map.png"], "--csv", made["map.csv"], "--json")
    )

    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["written"] is True
    assert found["engine"]["backend"] == "mnn"
    assert found["inference"] == {"flip": True, "scales": [0.9, 1.0], "scales_mode": "fix", "fit": "square"}
    search = found["search"]
    assert [one["parameter"] for one in search["sweeps"]] == ["alpha", "sigma_center", "sigma_keypoint", "gamma"]
    assert (search["searched"]["pictures"], search["checked"]["pictures"]) == (6, 6)
    manifest = open_bundle(bundle).manifest
    assert manifest.decoder.alpha == search["found"]["alpha"]
    assert manifest.tuning is not None
    assert (manifest.tuning.flip, manifest.tuning.scales, manifest.tuning.scales_mode) == (True, (0.9, 1.0), "fix")
    assert manifest.tuning.annotations_sha256 == search["truth_sha256"]
    assert manifest.tuning.map_pt == (search["over_start"]["points"]["before"], search["over_start"]["points"]["after"])
    assert manifest.tuning.before == open_bundle(demo_bundle).manifest.decoder
    assert deepmark("verify", bundle, "-q").code == 0
    assert len(made["map.csv"].read_text().splitlines()) == 1 + 9
    assert made["map.png"].stat().st_size > 1000


@pytest.mark.slow
def test_a_gain_that_may_be_chance_is_not_stored(
    deepmark: Deepmark, demo_bundle: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    significant(monkeypatch, answer=False)
    bundle = Path(shutil.copytree(demo_bundle, tmp_path / "shirt.deepmark"))
    before = (bundle / "manifest.json").read_bytes()

    outcome = deepmark("tune", bundle, *on(drawings, "--write", "--techniques", "1,4"))

    assert outcome.code == 0
    assert "no significant gain" in outcome.err
    assert "keeps its parameters" in outcome.err
    assert "mAP_pt" in outcome.err
    assert (bundle / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("step", ["0", ".3", "-1", "1.5", ".001", "x", "nan"])
def test_a_step_that_does_not_divide_1_is_wrong_usage(step: str, deepmark: Deepmark, tmp_path: Path) -> None:
    outcome = deepmark("tune", "x.deepmark", "--images", tmp_path, "--annotations", tmp_path, "--step", step)

    assert outcome.code == 2
    assert f"{step} does not divide 1" in outcome.err


def test_one_picture_cannot_be_searched_and_checked(deepmark: Deepmark, small_bundle: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {1: document(item(1))})

    outcome = deepmark("tune", small_bundle, *on(folder))

    assert outcome.code == 1
    assert "at least two pictures" in outcome.err
    assert "deepmark synth" in outcome.err


def test_pictures_without_garments(deepmark: Deepmark, small_bundle: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {number: document() for number in range(1, 5)})

    outcome = deepmark("tune", small_bundle, *on(folder))

    assert outcome.code == 1
    assert "no garment with labelled landmarks" in outcome.err


def test_a_bare_model_file_cannot_be_written_to(deepmark: Deepmark, small_bundle: Path, drawings: Path) -> None:
    model = next(small_bundle.glob("model.*"))

    outcome = deepmark("tune", model, *on(drawings, "--write"))

    assert outcome.code == 1
    assert "is no bundle" in outcome.err
    assert "tune the folder" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--techniques", "4"), "nothing to search for"),
        (("--techniques", "none"), "nothing to search for"),
        (("--techniques", "1,3", "--map", "map.png"), "technique 2, which is switched off"),
        (("--map", "map.gif"), ".png or .svg"),
        (("--check-share", "1"), "check-share"),
        (("--workers", "2", "--threads", "2"), "only one of --threads, --workers"),
    ],
)
def test_requests_that_make_no_sense(
    arguments: tuple[str, ...], message: str, deepmark: Deepmark, small_bundle: Path, drawings: Path
) -> None:
    outcome = deepmark("tune", small_bundle, *on(drawings, *arguments))

    assert outcome.code == 2
    assert message in outcome.err
