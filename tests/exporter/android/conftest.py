"""A project and a package with the tiny network, and the tools that made them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from shared import shared_folder

from deepmark.errors import AndroidError
from deepmark.exporter.android import tool_chain
from deepmark.exporter.android.native_libraries import stand_in_libraries
from deepmark.exporter.android.package import build_package
from deepmark.exporter.android.project import AndroidProject, open_models, write_project
from deepmark.exporter.android.signing import debug_key
from deepmark.exporter.android.tool_chain import AndroidToolChain, find_tools

FETCHED = Path(__file__).resolve().parents[3] / "build" / "cache" / "android"  # by tools/android_toolchain.sh


@pytest.fixture(scope="session")
def android_tools(cache_folder: Path) -> AndroidToolChain:
    """The pinned tools; skips where they were not fetched, or there is no JDK."""
    if not FETCHED.is_dir():
        pytest.skip("tools/android_toolchain.sh was not run: no Android tools in build/cache")
    home = cache_folder / "android"
    home.mkdir(exist_ok=True)
    for path in FETCHED.iterdir():
        if not (home / path.name).exists():
            (home / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(tool_chain.SDK_VARIABLE, raising=False)
        try:
            return find_tools()
        except AndroidError as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder of the run's own, for its debug key."""
    return shared_folder(tmp_path_factory, "configuration", lambda _: None)


@pytest.fixture(scope="session")
def tiny_project(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> AndroidProject:
    """A project with the tiny network; never written to by a test."""
    folder = tmp_path_factory.mktemp("project") / "app"
    return write_project(open_models([tiny_bundle]), folder, stand_in=True)


@pytest.fixture(scope="session")
def tiny_package(
    tiny_project: AndroidProject,
    android_tools: AndroidToolChain,
    configuration: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A signed package with the tiny network and the stand-in; never written to by a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", os.fspath(configuration))
        key = debug_key(android_tools)
    libraries = stand_in_libraries(tiny_project.main / "cpp")
    target = tmp_path_factory.mktemp("package") / "tiny.apk"
    return build_package(tiny_project, libraries, target, tools=android_tools, key=key, on_step=lambda: None)
