"""Models in the app's assets: proven, whole, by their hashes; what the app could not run is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deepmark.errors import AndroidError, BundleError, DeepMarkError, UsageError
from deepmark.exporter.android.project import open_models, write_project
from deepmark.runtime.manifest import FileEntry, Manifest


def _changed(bundle: Path, target: Path, change: Callable[[Manifest], Manifest]) -> Path:
    shutil.copytree(bundle, target)
    path = target / "manifest.json"
    manifest = change(Manifest.from_json(path.read_bytes(), source=""))
    files = {}
    for name in manifest.files:
        content = (target / name).read_bytes()
        files[name] = FileEntry(hashlib.sha256(content).hexdigest(), len(content))
    path.write_bytes(msgspec.structs.replace(manifest, files=files).to_json())
    return target


def test_the_index_names_every_file_by_its_hash(tiny_bundle: Path, tmp_path: Path) -> None:
    project = write_project(open_models([tiny_bundle]), tmp_path / "app", stand_in=False)
    bundles = project.main / "assets" / "bundles"
    (model,) = json.loads((bundles / "index.json").read_text())["bundles"]
    assert model["name"] == "tiny"
    assert model["sha256"] == hashlib.sha256((tiny_bundle / "manifest.json").read_bytes()).hexdigest()
    found = {
        path.relative_to(bundles / "tiny.deepmark").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (bundles / "tiny.deepmark").rglob("*")
        if path.is_file()
    }
    assert found == {path: entry["sha256"] for path, entry in model["files"].items()}
    assert found.keys() == {
        path.relative_to(tiny_bundle).as_posix() for path in tiny_bundle.rglob("*") if path.is_file()
    }


def test_another_call_replaces_the_models_and_keeps_the_sources(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with blanks and ü"
    write_project(open_models([tiny_bundle]), folder, stand_in=True)
    mine = folder / "app/src/main/java/deepmark/demo/DemoApp.java"
    mine.write_text("// mine")
    other = _changed(
        tiny_bundle, tmp_path / "o.deepmark", lambda manifest: msgspec.structs.replace(manifest, name="o ü")
    )
    project = write_project(open_models([other]), folder, stand_in=False)
    assert mine.read_text() == "// mine"
    assert sorted(path.name for path in (project.main / "assets" / "bundles").iterdir()) == [
        "index.json",
        "o ü.deepmark",
    ]


def test_two_models_of_one_name_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="two of the bundles have the name 'tiny'"):
        open_models([tiny_bundle, tiny_bundle])


def test_a_model_that_the_app_cannot_run_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bare = tiny_bundle / "model.mnn"
    with pytest.raises(BundleError, match="is a bare model"):
        open_models([bare])

    def without_mnn(manifest: Manifest) -> Manifest:
        (tmp_path / "onnx.deepmark" / "model.mnn").unlink()
        files = {name: entry for name, entry in manifest.files.items() if name != "model.mnn"}
        return msgspec.structs.replace(manifest, files=files)

    with pytest.raises(BundleError, match="has no model for MNN"):
        open_models([_changed(tiny_bundle, tmp_path / "onnx.deepmark", without_mnn)])

    def too_large(manifest: Manifest) -> Manifest:
        size = msgspec.structs.replace(manifest.input, height=2048, width=2048)
        return msgspec.structs.replace(manifest, input=size)

    with pytest.raises(BundleError, match="needs an input of 2048x2048, expected at most 1,048,576 pixels"):
        open_models([_changed(tiny_bundle, tmp_path / "large.deepmark", too_large)])


def test_a_bundle_that_changes_after_it_was_proven_is_not_packed(tiny_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_bundle, tmp_path / "tiny.deepmark"))
    opened = open_models([copy])
    weights = copy / "model.mnn"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"model\.mnn"):
        write_project(opened, tmp_path / "app", stand_in=False)
    assert not list((tmp_path / "app").rglob("index.json"))


def test_a_folder_of_something_else_is_left_alone(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "thesis.txt").write_text("mine")
    with pytest.raises(AndroidError, match="is no Android project"):
        write_project(open_models([tiny_bundle]), tmp_path / "app", stand_in=False)
    assert [path.name for path in (tmp_path / "app").iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_written_is_said(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeepMarkError, match="cannot write"):
        write_project(open_models([tiny_bundle]), tmp_path / "file" / "app", stand_in=False)
