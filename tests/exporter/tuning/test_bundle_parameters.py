"""A bundle gets other decoder parameters whole or not at all, and proves itself afterwards."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from deepmark.errors import BundleError, ParityError
from deepmark.exporter.staging import file_entry
from deepmark.exporter.tuning.bundle_parameters import require_retunable, retune
from deepmark.exporter.verification import verify
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.provenance import Tuning

BEFORE = DecoderParams(nms="soft")
AFTER = replace(BEFORE, alpha=0.35, sigma_keypoint=0.0, gamma=1.0)
TUNING = Tuning(
    by="tests",
    backend="mnn",
    annotations_sha256="a" * 64,
    searched=10,
    checked=5,
    before=BEFORE,
    map_pt=(0.4, 0.5),
    map_pt_gain=(0.05, 0.15),
    map_box=(0.6, 0.6),
)


@pytest.fixture(params=["tiny.deepmark", "tiny.deepmark.zip"])
def bundle(request: pytest.FixtureRequest, tiny_bundle: Path, tmp_path: Path) -> Path:
    source = tiny_bundle.with_name(request.param)
    target = tmp_path / "models" / request.param
    target.parent.mkdir()
    return Path(shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target))


def contents(bundle: Path) -> dict[str, bytes]:
    model = open_bundle(bundle)
    return {name: model.read(name) for name in model.entries}


def test_parameters_and_their_origin_are_stored_and_the_bundle_verifies(bundle: Path) -> None:
    manifest = retune(bundle, AFTER, TUNING)

    found = open_bundle(bundle).manifest
    assert found == manifest
    assert (found.decoder, found.tuning) == (AFTER, TUNING)
    assert verify(bundle).report.passed
    assert [one.name for one in bundle.parent.iterdir()] == [bundle.name]  # nothing is left beside it


def test_only_the_objects_of_the_vectors_change(bundle: Path) -> None:
    before = contents(bundle)

    retune(bundle, AFTER, TUNING)

    after = contents(bundle)
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    for name in changed:
        assert name.startswith("vectors/")
        old, new = json.loads(before[name]), json.loads(after[name])
        assert old.pop("objects") != new.pop("objects")
        assert old == new


@pytest.mark.slow
def test_the_same_parameters_twice_give_the_same_bytes(bundle: Path) -> None:
    retune(bundle, AFTER, TUNING)
    once = contents(bundle), bundle.read_bytes() if bundle.is_file() else b""

    retune(bundle, AFTER, TUNING)

    assert (contents(bundle), bundle.read_bytes() if bundle.is_file() else b"") == once


def test_a_failure_on_the_way_leaves_the_bundle_as_it_was(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(bundle)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepmark.exporter.tuning.bundle_parameters.publish", full)
    monkeypatch.setattr("deepmark.exporter.tuning.bundle_parameters.write_zip", full)
    with pytest.raises(BundleError, match="No space left"):
        retune(bundle, AFTER, TUNING)

    assert contents(bundle) == before
    assert [one.name for one in bundle.parent.iterdir()] == [bundle.name]


def test_a_bundle_whose_engines_give_something_else_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "tiny.deepmark"))
    vector = bundle / "vectors" / "0.json"
    document = json.loads(vector.read_bytes())
    document["heads"]["wh"]["values"][0] += 1
    vector.write_text(json.dumps(document))
    manifest = Manifest.from_json((bundle / "manifest.json").read_bytes(), source="")
    files = manifest.files | {"vectors/0.json": file_entry(vector)}
    (bundle / "manifest.json").write_bytes(msgspec.structs.replace(manifest, files=files).to_json())
    before = contents(bundle)

    with pytest.raises(ParityError, match="is not equal to torch"):
        retune(bundle, AFTER, TUNING)

    assert contents(bundle) == before


def test_a_bare_model_file_is_refused(tiny_mnn: Path) -> None:
    with pytest.raises(BundleError, match="is no bundle: a bare model file carries its parameters inside") as caught:
        require_retunable(tiny_mnn)
    assert caught.value.hint is not None
    assert "NAME.deepmark.zip" in caught.value.hint


def test_where_nothing_can_be_written_that_is_said_before_the_work(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BundleError, match=r"cannot be changed where it lies.*Permission denied") as caught:
        require_retunable(tiny_bundle)
    assert caught.value.hint is not None
    assert "without --write" in caught.value.hint


def test_a_manifest_without_a_tuning_is_read_as_ever(tiny_bundle: Path) -> None:
    document = json.loads((tiny_bundle / "manifest.json").read_bytes())
    assert document["tuning"] is None
    manifest = Manifest.from_json((tiny_bundle / "manifest.json").read_bytes(), source="")
    assert manifest.tuning is None
