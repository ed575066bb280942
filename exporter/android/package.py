"""A package, APK, of an Android project: resources, classes, libraries, models, aligned, signed, checked."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from deepmark import __version__
from deepmark.errors import AndroidError
from deepmark.exporter.android.aligned_zip import write_aligned
from deepmark.exporter.android.package_checks import check_package
from deepmark.exporter.android.project import AndroidProject
from deepmark.exporter.android.signing import SigningKey, sign
from deepmark.exporter.android.tool_chain import AndroidToolChain, run_tool
from deepmark.files import whole_file

PACKAGE = "deepmark.demo"
MIN_SDK, TARGET_SDK = 26, 34
JAVA_RELEASE = "16"  # javac 17 marks some enums as sealed, which D8 3.3 refuses
STAND_IN_MARK = "-stand-in"
STEPS = 5  # resources, classes, package, signature, checks

ABI = "arm64-v8a"


def build_package(
    project: AndroidProject,
    libraries: Mapping[str, bytes],
    target: Path,
    *,
    tools: AndroidToolChain,
    key: SigningKey,
    on_step: Callable[[], object],
) -> Path:
    """Make a package; equal projects, libraries and keys give equal bytes.

    Args:
        project: project with models in its assets.
        libraries: name of each native library -> its content.
        target: file to write; a stand-in's name gets `STAND_IN_MARK`, so that nobody takes it for the app.
        tools: JDK and Android's tools.
        key: key to sign with.
        on_step: is called after each of `STEPS` steps.

    Returns:
        Path of the package.

    Raises:
        AndroidError: a tool failed, or the package is not what it must be; the earlier file stays.
        DeepMarkError: the file system refuses.
    """
    if project.index.stand_in and STAND_IN_MARK not in target.stem:
        target = target.with_name(f"{target.stem}{STAND_IN_MARK}{target.suffix}")
    with tempfile.TemporaryDirectory(prefix="deepmark-") as name:
        scratch = Path(name)
        base = link_resources(project, tools, scratch)
        on_step()
        dex = _compile(project, tools, scratch)
        on_step()
        unsigned = scratch / "unsigned.apk"
        with unsigned.open("wb") as file:
            write_aligned(file, _entries(project, libraries, base, dex))
        on_step()
        with whole_file(target) as hidden:
            sign(tools, unsigned, hidden, key)
            on_step()
            check_package(hidden, project, libraries, tools)
            on_step()
    return target


def version_code(version: str) -> int:
    """Return the number that Android compares versions by: 0.1.0 is 100, 1.2.3 is 10203."""
    major, minor, patch = (int(part) for part in re.findall(r"\d+", version)[:3])
    return 10000 * major + 100 * minor + patch


def complete_manifest(text: str) -> str:
    """Add to the project's manifest what Gradle would: package, version, and levels of Android.

    Raises:
        AndroidError: the text has no ``<manifest>``.
    """
    names = f'package="{PACKAGE}" android:versionCode="{version_code(__version__)}" android:versionName="{__version__}"'
    levels = f'<uses-sdk android:minSdkVersion="{MIN_SDK}" android:targetSdkVersion="{TARGET_SDK}" />'
    completed, count = re.subn(r"<manifest\b([^>]*)>", rf"<manifest\1 {names}>{levels}", text, count=1)
    if not count:
        raise AndroidError("AndroidManifest.xml has no <manifest>", hint="begin with a new --android folder")
    return completed


def link_resources(project: AndroidProject, tools: AndroidToolChain, folder: Path) -> Path:
    """Compile a project's resources.

    Args:
        project: project whose manifest and resources are taken.
        tools: JDK and Android's tools.
        folder: existing folder to write into: ``AndroidManifest.xml``, completed, and ``java/`` with ``R.java``.

    Returns:
        Path of ``base.apk`` in that folder: manifest and resources, in Android's binary form.

    Raises:
        AndroidError: a resource or the manifest is wrong.
    """
    manifest = folder / "AndroidManifest.xml"
    manifest.write_text(complete_manifest((project.main / "AndroidManifest.xml").read_text()))
    compiled, base = folder / "resources.zip", folder / "base.apk"
    resources = str(project.main / "res")
    run_tool([str(tools.aapt2), "compile", "--dir", resources, "-o", str(compiled)], stage="resources")
    run_tool(
        [
            *(str(tools.aapt2), "link", "-I", str(tools.framework), "--manifest", str(manifest)),
            *("--compile-sdk-version-code", str(TARGET_SDK), "--compile-sdk-version-name", "14"),
            *("--java", str(folder / "java"), "-o", str(base), str(compiled)),
        ],
        stage="resources",
    )
    return base


def _compile(project: AndroidProject, tools: AndroidToolChain, scratch: Path) -> bytes:
    classes, dex = scratch / "classes", scratch / "dex"
    dex.mkdir()
    sources = sorted([*(project.main / "java").rglob("*.java"), *(scratch / "java").rglob("*.java")])
    words = scratch / "sources.txt"
    words.write_text("\n".join(f'"{path}"' for path in sources))
    run_tool(
        [
            *(str(tools.javac), "--release", JAVA_RELEASE, "-g:none", "-Xlint:all,-classfile", "-Werror"),
            *("-encoding", "UTF-8", "-cp", str(tools.framework), "-d", str(classes), f"@{words}"),
        ],
        stage="classes",
    )
    run_tool(
        [
            *(str(tools.java), "-XX:TieredStopAtLevel=1", "-cp", tools.class_path(), "com.android.tools.r8.D8"),
            *("--release", "--min-api", str(MIN_SDK), "--lib", str(tools.framework), "--output", str(dex)),
            *(str(path) for path in sorted(classes.rglob("*.class"))),
        ],
        stage="classes",
    )
    return (dex / "classes.dex").read_bytes()


def _entries(
    project: AndroidProject, libraries: Mapping[str, bytes], base: Path, dex: bytes
) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(base) as linked:
        for name in linked.namelist():
            yield name, linked.read(name)
    yield "classes.dex", dex
    for name, content in libraries.items():
        yield f"lib/{ABI}/{name}", content
    assets = project.main / "assets"
    for path in sorted(assets.rglob("*")):
        if path.is_file():
            yield f"assets/{path.relative_to(assets).as_posix()}", path.read_bytes()
