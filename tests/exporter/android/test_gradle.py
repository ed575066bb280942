"""Gradle's files, which cannot run here, say what the packaging script does."""

from __future__ import annotations

import re
from pathlib import Path

from deepmark import __version__
from deepmark.exporter.android import package

DEMO = Path(__file__).resolve().parents[3] / "android-demo"


def _setting(name: str) -> str:
    (found,) = re.findall(rf'^\s*{name} = "?([^"\n]+)"?$', (DEMO / "app" / "build.gradle").read_text(), re.MULTILINE)
    return str(found)


def test_both_build_the_same_app() -> None:
    assert _setting("applicationId") == _setting("namespace") == package.PACKAGE
    assert int(_setting("minSdk")) == package.MIN_SDK
    assert int(_setting("targetSdk")) == int(_setting("compileSdk")) == package.TARGET_SDK
    assert _setting("versionName") == __version__
    assert int(_setting("versionCode")) == package.version_code(__version__)
    assert (
        _setting("sourceCompatibility")
        == _setting("targetCompatibility")
        == f"JavaVersion.VERSION_{package.JAVA_RELEASE}"
    )
    text = (DEMO / "app" / "build.gradle").read_text()
    assert f'abiFilters "{package.ABI}"' in text
    assert 'noCompress += "mnn"' in text
    assert "useLegacyPackaging = false" in text


def test_gradle_s_default_folders_are_those_of_the_script() -> None:
    """No source set is moved: manifest, java, res and assets lie where Gradle looks by itself."""
    assert "sourceSets" not in (DEMO / "app" / "build.gradle").read_text()
    for name in ("AndroidManifest.xml", "java", "res", "assets"):
        assert (DEMO / "app" / "src" / "main" / name).exists()
    native = re.search(r'path = file\("([^"]+)"\)', (DEMO / "app" / "build.gradle").read_text())
    assert native is not None
    assert (DEMO / "app" / native[1]).is_file()


def test_the_manifest_leaves_to_gradle_what_gradle_adds() -> None:
    text = (DEMO / "app" / "src" / "main" / "AndroidManifest.xml").read_text()
    assert "package=" not in text
    assert "uses-sdk" not in text
    assert "versionCode" not in text
