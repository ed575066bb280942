"""The Android project of the app, with models in its assets."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec

from deepmark import __version__
from deepmark.errors import AndroidError, BundleError, UsageError
from deepmark.exporter.verification import verify
from deepmark.files import publish_folder, scratch_folder, whole_folder
from deepmark.runtime.bundle import BARE_SUFFIXES, MANIFEST_NAME, OpenedBundle, open_bundle
from deepmark.runtime.provenance import Sha256

INDEX_FORMAT = 1
MAX_APP_PIXELS = 1024 * 1024  # of the network's input: above it, a phone runs out of memory before it is slow

_MANIFEST = Path("app/src/main/AndroidManifest.xml")
_ASSETS = Path("app/src/main/assets")
_NOT_SOURCES = frozenset({".cxx", ".gradle", "build", "pom.xml", "test"})  # of a checkout
_RUNTIME = Path("app/src/main/cpp/runtime")


class AssetFile(msgspec.Struct, frozen=True):
    """One file of a model in the app: its length in bytes, and its sha256 in hex."""

    bytes: int
    sha256: Sha256


class AppModel(msgspec.Struct, frozen=True):
    """One model in the app's index.

    Attributes:
        name: name of the model; its folder is ``NAME.deepmark``.
        sha256: sha256 of its manifest, hex; the app's name for the unpacked model.
        precision: number format of its weights, for people.
        files: path of each file in its folder -> its length and sha256.
    """

    name: str
    sha256: Sha256
    precision: str
    files: dict[str, AssetFile]


class AppIndex(msgspec.Struct, frozen=True):
    """``assets/bundles/index.json``.

    Attributes:
        format: version of this document's form, `INDEX_FORMAT`.
        stand_in: whether the package has no MNN in it.
        built_with: program and version that wrote it.
        bundles: models, the first one is what a fresh app begins with.
    """

    format: int
    stand_in: bool
    built_with: str
    bundles: tuple[AppModel, ...]


@dataclass(frozen=True, slots=True)
class AndroidProject:
    """A project folder with its models.

    Attributes:
        folder: the project's folder.
        index: index in its assets.
    """

    folder: Path
    index: AppIndex

    @property
    def main(self) -> Path:
        """Folder of manifest, sources, resources and assets."""
        return self.folder / "app" / "src" / "main"


def open_models(paths: Sequence[Path]) -> tuple[OpenedBundle, ...]:
    """Open bundles for the app, and run their golden vectors on this machine.

    Raises:
        UsageError: two have one name.
        BundleError: one is damaged, or cannot run in the app.
        ParityError: one gives here something else than its network gave.
    """
    opened = tuple(open_bundle(path) for path in paths)
    names = [model.manifest.name for model in opened]
    for path, model in zip(paths, opened, strict=True):
        name = model.manifest.name
        if names.count(name) > 1:
            raise UsageError(f"two of the bundles have the name {name!r}", hint="export one again with another --name")
        if "mnn" not in model.weights:
            raise BundleError(f"{path} has no model for MNN, which the app runs", hint="export with --to mnn")
        if path.suffix.lower() in BARE_SUFFIXES:
            raise BundleError(
                f"{path} is a bare model, without the vectors that the app proves it with", hint="name its bundle"
            )
        size = model.manifest.input
        if size.height * size.width > MAX_APP_PIXELS:
            raise BundleError(
                f"{path} needs an input of {size.height}x{size.width}, expected at most {MAX_APP_PIXELS:,} pixels",
                hint="export at a smaller --size: a phone has not the memory",
            )
    for path in paths:
        verify(path).report.require(hint="the bundle differs on this machine: deepmark verify tells where")
    return opened


def write_project(models: Sequence[OpenedBundle], folder: Path, *, stand_in: bool) -> AndroidProject:
    """Put models into the assets of a project; it is made of the app's sources where there is none.

    Args:
        models: opened bundles, by `open_models`.
        folder: folder of the project; new, empty, or an earlier one, whose sources stay as they are.
        stand_in: whether the package will have no MNN in it.

    Raises:
        AndroidError: the folder holds something else.
        BundleError: a bundle changed since it was opened.
        DeepMarkError: the file system refuses.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / _MANIFEST).is_file():
            raise AndroidError(f"{folder} is no Android project: it has no {_MANIFEST}", hint="name a new folder")
    else:
        if folder.is_dir():
            folder.rmdir()
        with whole_folder(folder) as made, resources.as_file(resources.files("deepmark")) as package:
            shutil.copytree(package / "android_demo", made, dirs_exist_ok=True, ignore=_not_sources)
            _copy_runtime(package / "runtime" / "native", made / _RUNTIME)
    index = AppIndex(
        INDEX_FORMAT, stand_in, f"deepmark-export {__version__}", tuple(_app_model(model) for model in models)
    )
    bundles = folder / _ASSETS / "bundles"
    with scratch_folder(bundles) as scratch:
        complete = scratch / "bundles"
        complete.mkdir()
        for model in models:
            _copy_model(model, complete / f"{model.manifest.name}.deepmark")
        (complete / "index.json").write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n")
        publish_folder(complete, bundles, check=lambda _: None)
    return AndroidProject(folder, index)


def _copy_runtime(native: Path, target: Path) -> None:
    """Copy the C++ runtime's sources, so that the project can be built where nothing else of this package is."""
    for name in ("include", "mnn", "src"):
        shutil.copytree(native / name, target / name)
    shutil.copy(native / "CMakeLists.txt", target)


def _not_sources(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name in _NOT_SOURCES}


def _app_model(model: OpenedBundle) -> AppModel:
    manifest = model.manifest_bytes()
    files = {name: AssetFile(entry.bytes, entry.sha256) for name, entry in sorted(model.entries.items())}
    files[MANIFEST_NAME] = AssetFile(len(manifest), hashlib.sha256(manifest).hexdigest())
    return AppModel(model.manifest.name, files[MANIFEST_NAME].sha256, model.manifest.precision, files)


def _copy_model(model: OpenedBundle, folder: Path) -> None:
    for name in model.entries:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(model.read(name))
    (folder / MANIFEST_NAME).write_bytes(model.manifest_bytes())
