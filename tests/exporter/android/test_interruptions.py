"""Packing that is interrupted, or has no room, leaves what was there before and nothing half-written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from full_disk import mounted

from deepmark.errors import DeepMarkError
from deepmark.exporter.android import package, project
from deepmark.exporter.android.package import STEPS, build_package
from deepmark.exporter.android.project import AndroidProject, AppIndex, write_project
from deepmark.exporter.android.signing import SigningKey
from deepmark.exporter.android.tool_chain import AndroidToolChain
from deepmark.runtime.bundle import open_bundle

TOOLS = AndroidToolChain(Path("javac"), Path("java"), Path("keytool"), Path("aapt2"), (), Path("framework"), "none")
KEY = SigningKey(Path("store"), "alias", "password", debug=True)


@pytest.fixture
def stand_in_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AndroidProject:
    """Let every step of packing do something quick in place of Android's tools."""

    def sign(_: AndroidToolChain, unsigned: Path, signed: Path, __: SigningKey) -> None:
        signed.write_bytes(unsigned.read_bytes())

    monkeypatch.setattr(package, "link_resources", lambda *_: tmp_path / "base")
    monkeypatch.setattr(package, "_compile", lambda *_: b"classes")
    monkeypatch.setattr(package, "_entries", lambda *_: iter([("AndroidManifest.xml", b"manifest")]))
    monkeypatch.setattr(package, "sign", sign)
    monkeypatch.setattr(package, "check_package", lambda *_: None)
    return AndroidProject(tmp_path / "app", AppIndex(1, False, "tests", ()))


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_ctrl_c_at_any_step_leaves_the_earlier_package(
    stand_in_steps: AndroidProject, tmp_path: Path, step: int
) -> None:
    target = tmp_path / "out" / "shirt.apk"
    target.parent.mkdir()
    target.write_bytes(b"earlier")
    left = step

    def interrupt() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_package(stand_in_steps, {}, target, tools=TOOLS, key=KEY, on_step=interrupt)
    assert [path.name for path in target.parent.iterdir()] == ["shirt.apk"]
    assert target.read_bytes() == b"earlier"
    build_package(stand_in_steps, {}, target, tools=TOOLS, key=KEY, on_step=lambda: None)
    assert target.read_bytes() != b"earlier"


def _stop(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["_copy_runtime", "_copy_model", "publish_folder"])
def test_ctrl_c_while_a_project_is_written_leaves_the_earlier_models(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    models = [open_bundle(tiny_bundle)]
    folder = tmp_path / "projects" / "app"

    def write_until_interrupted() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(project, name, _stop)
            with pytest.raises(KeyboardInterrupt):
                write_project(models, folder, stand_in=False)

    write_until_interrupted()
    assert list(tmp_path.rglob("index.json")) == []
    index = write_project(models, folder, stand_in=True).main / "assets" / "bundles" / "index.json"
    if name == "_copy_runtime":
        return  # only a new project copies it
    text = index.read_text()
    write_until_interrupted()
    assert index.read_text() == text
    assert sorted(path.name for path in index.parent.parent.iterdir() if path.is_dir()) == ["bundles", "samples"]


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    with mounted(folder, "size=900k") as disk:
        yield disk


@contextmanager
def _read_only_disk(folder: Path) -> Iterator[Path]:
    with mounted(folder, "ro") as disk:
        yield disk


@pytest.mark.parametrize("disk", [_small_disk, _read_only_disk])
def test_a_disk_that_takes_no_project_is_one_sentence(
    tiny_bundle: Path, tmp_path: Path, disk: Callable[[Path], object]
) -> None:
    models = [open_bundle(tiny_bundle)]
    with disk(tmp_path / "disk") as folder, pytest.raises(DeepMarkError, match="cannot write"):  # type: ignore[attr-defined]
        write_project(models, folder / "app", stand_in=False)
