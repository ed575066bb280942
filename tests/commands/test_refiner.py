"""``deepmark refiner``, and ``--refine`` of detect and eval, from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from outcome import Deepmark

pytest.importorskip("torch", reason="refiners are trained here")

pytestmark = pytest.mark.slow

SMALL = ("--backbone", "slim", "--size", "64", "--batch", "2", "--pictures", "6", "--drawn-size", "96")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training, begun and gone on with."""
    from deepmark.models.refiner.config import RefinerConfig
    from deepmark.models.refiner.run import RefinerRun, run_refiner_training

    folder = tmp_path_factory.mktemp("refiner") / "run"
    config = RefinerConfig(backbone="slim", height=64, width=64, batch=2, steps=3, pictures=6, drawn_size=96)
    run_refiner_training(RefinerRun(folder=folder, config=config, threads=1))
    return folder


@pytest.fixture(scope="module")
def bundle(run: Path) -> Path:
    from deepmark.exporter.refinement.refiner_export import export_refiner

    return export_refiner(run / "last.pth", ("mnn",), run.parent, name="small").path


def test_train_export_verify(tmp_path: Path, deepmark: Deepmark) -> None:
    folder = tmp_path / "run"

    trained = deepmark("refiner", "train", "--synthetic", "-o", folder, *SMALL, "--steps", "2", "--json")
    resumed = deepmark("refiner", "train", "-o", folder, "--resume", "--threads", "1")
    exported = deepmark("refiner", "export", folder / "last.pth", "-o", tmp_path, "--to", "onnx", "--json")
    verified = deepmark("refiner", "verify", tmp_path / "last.deepmark")

    assert (trained.code, resumed.code, exported.code, verified.code) == (0, 0, 0, 0), exported.err
    assert json.loads(trained.out)["steps"] == 2
    assert json.loads(exported.out)["parity"][0]["passed"]
    assert "vectors -> onnx" in verified.out + verified.err
    assert (folder / "log.csv").read_text().count("\n") == 3


def test_a_refiner_is_not_taken_for_a_detector(run: Path, tmp_path: Path, deepmark: Deepmark) -> None:
    for command in ("inspect", "export"):
        outcome = deepmark(command, run / "last.pth")
        outcome.assert_refused(1, "last.pth holds a refiner, expected a detector", "deepmark refiner export")


def test_a_data_set_is_trained_on(tmp_path: Path, deepmark: Deepmark) -> None:
    deepmark("synth", tmp_path / "set", "--count", "4", "--size", "96", "--workers", "1")

    outcome = deepmark(
        "refiner", "train", "--data", tmp_path / "set", "-o", tmp_path / "run", *SMALL[:6], "--steps", "1"
    )

    assert outcome.code == 0, outcome.err


def test_detect_refines(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    records: dict[str, dict[str, Any]] = {}
    for name, more in (
        ("plain", ()),
        ("refined", ("--refine", bundle)),
        ("flip", ("--refine", bundle, "--refine-flip")),
    ):
        outcome = deepmark("detect", demo_bundle, demo_pictures[0], "-o", tmp_path / name, *more, "--json")
        assert outcome.code == 0, outcome.err
        records[name] = json.loads(outcome.out)

    plain, refined, flipped = (records[name]["frames"][0]["detections"] for name in ("plain", "refined", "flip"))
    assert records["refined"]["refiners"] == [str(bundle)]
    assert [one["box"] for one in plain] == [one["box"] for one in refined]
    assert [one["score"] for one in plain] == [one["score"] for one in refined]
    assert plain[0]["keypoints"] != refined[0]["keypoints"] != flipped[0]["keypoints"]


def test_eval_refines(demo_bundle: Path, bundle: Path, tmp_path: Path, deepmark: Deepmark) -> None:
    pytest.importorskip("hotcoco")
    deepmark("synth", tmp_path / "set", "--count", "3", "--size", "128", "--workers", "1")
    data = ("--images", tmp_path / "set", "--annotations", tmp_path / "set", "--cache", tmp_path / "cache", "--json")

    plain = deepmark("eval", demo_bundle, *data)
    refined = deepmark("eval", demo_bundle, *data, "--refine", bundle, "--strategies")

    assert refined.code == 0, refined.err
    one, other = json.loads(plain.out), json.loads(refined.out)
    assert one["mAP_box"] == other["mAP_box"]
    assert one["mAP_pt"] != other["mAP_pt"]
    assert other["refiners"] == [str(bundle)]
    *_, scaled, last = other["strategies"]
    assert (scaled["name"], last["name"]) == ("+ multi-scale", "+ PoseFix")
    assert last["boxes"]["average"] == scaled["boxes"]["average"]  # boxes are not refined
    assert last["points"]["average"] != scaled["points"]["average"]


def test_a_refiner_is_no_detector_and_a_detector_no_refiner(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    out = ("-o", tmp_path / "out")

    deepmark("detect", bundle, demo_pictures[0], *out).assert_refused(
        1, "is of a refiner, expected a detector", "hint: it refines what a detector found: give it with --refine"
    )
    deepmark("detect", demo_bundle, demo_pictures[0], *out, "--refine", demo_bundle).assert_refused(
        1, "is of a detector, expected a refiner", "hint: --refine takes a refiner"
    )
    deepmark("verify", bundle).assert_refused(1, "is of a refiner, expected a detector")
    assert not (tmp_path / "out").exists()


def test_a_refiner_of_persons_and_a_detector_of_garments(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    import msgspec

    from deepmark.runtime.keypoints.schema import KeypointSchema
    from deepmark.runtime.refinement.refiner_bundle import open_refiner

    folder = tmp_path / "persons.deepmark"
    manifest = open_refiner(bundle).manifest
    for name in manifest.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((bundle / name).read_bytes())
    persons = KeypointSchema.coco_person()
    changed = msgspec.structs.replace(manifest, keypoints=persons, channels=persons.groups)
    (folder / "manifest.json").write_bytes(changed.to_json())

    deepmark("detect", demo_bundle, demo_pictures[0], "-o", tmp_path / "out", "--refine", folder).assert_refused(
        1,
        "the refiner is for other landmarks than the model demo finds: for 'person', not for 13 classes from",
        "hint: give a refiner that was trained with the model's own schema, or leave --refine out",
    )


def test_a_corrupt_refiner(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    folder = tmp_path / "corrupt.deepmark"
    for path in bundle.rglob("*"):
        if path.is_file():
            (folder / path.relative_to(bundle)).parent.mkdir(parents=True, exist_ok=True)
            (folder / path.relative_to(bundle)).write_bytes(path.read_bytes())
    content = bytearray((folder / "model.mnn").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.mnn").write_bytes(bytes(content))

    deepmark("detect", demo_bundle, demo_pictures[0], "-o", tmp_path / "out", "--refine", folder).assert_refused(
        1, "the file model.mnn is damaged: expected sha256", "hint: copy the bundle again"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("detect", "m", "a.png", "--refine-flip"), ["nothing is refined", "hint: give the refiner's bundle"]),
        (("eval", "m", "--images", "x", "--annotations", "x", "--refine-nms", ".9"), ["nothing is refined"]),
        (("detect", "m", "a.png", "--refine-nms", "2"), ["--refine-nms"]),
        (("refiner", "train", "-o", "run"), ["give either --synthetic or --data"]),
        (("refiner", "train", "-o", "run", "--resume", "--lr", "1"), ["--resume goes on as the run began, --lr"]),
        (("refiner", "train", "-o", "run", "--synthetic", "--size", "100"), ["multiple"]),
        (
            ("refiner", "train", "-o", "run", "--synthetic", "--classes", "cape"),
            ["no class 'cape'", "choose all"],
        ),
        (("refiner", "trian"), ["No such command 'trian'"]),
        (("eval", "--detections", "f.json", "--annotations", "x", "--refine", "r"), ["--refine has no meaning"]),
        (
            ("eval", "m", "--images", "x", "--annotations", "x", "--refine", "r", "--table", "2"),
            ["--table 2 compares what the decoder does"],
        ),
    ],
)
def test_a_wrong_command_line(
    arguments: tuple[str, ...], words: list[str], deepmark: Deepmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    deepmark(*arguments).assert_refused(2, *words)

    assert not list(tmp_path.iterdir())


def test_a_run_is_not_begun_twice_and_a_detector_s_checkpoint_is_no_refiner(
    run: Path, demo_checkpoint: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    deepmark("refiner", "train", "--synthetic", "-o", run, *SMALL).assert_refused(1, "holds a training already")
    deepmark("refiner", "export", demo_checkpoint, "-o", tmp_path).assert_refused(
        1, "holds no refiner", "hint: deepmark refiner"
    )
    deepmark("refiner", "train", "-o", tmp_path / "none", "--resume").assert_refused(1, "none")
