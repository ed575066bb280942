"""A package is made, signed and checked, twice the same; and everything that could be wrong with one is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deepmark import __version__
from deepmark.errors import AndroidError
from deepmark.exporter.android.aligned_zip import write_aligned
from deepmark.exporter.android.native_libraries import BRIDGE, stand_in_libraries
from deepmark.exporter.android.package import STAND_IN_MARK, build_package, complete_manifest, version_code
from deepmark.exporter.android.package_checks import (
    MAX_OVERHEAD,
    check_package,
    library_faults,
    load_alignments,
    manifest_faults,
    model_faults,
    signature_faults,
    zip_faults,
)
from deepmark.exporter.android.project import AndroidProject
from deepmark.exporter.android.signing import debug_key, verify_signature
from deepmark.exporter.android.tool_chain import AndroidToolChain

pytestmark = pytest.mark.slow

LIBRARY = f"lib/arm64-v8a/{BRIDGE}"
MODEL = "assets/bundles/tiny.deepmark/model.mnn"
Entries = dict[str, bytes]


def _entries(package: Path) -> Entries:
    with zipfile.ZipFile(package) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.startswith("META-INF/")}


def _write(target: Path, entries: Entries) -> Path:
    with target.open("wb") as file:
        write_aligned(file, entries.items())
    return target


def test_the_package_holds_what_the_index_says_and_is_signed_for_every_phone(
    tiny_package: Path, android_tools: AndroidToolChain, tiny_bundle: Path
) -> None:
    assert tiny_package.stem.endswith(STAND_IN_MARK)
    assert verify_signature(android_tools, tiny_package) == ("v1", "v2", "v3")
    entries = _entries(tiny_package)
    index = json.loads(entries["assets/bundles/index.json"])
    assert index["stand_in"] is True
    assert [model["name"] for model in index["bundles"]] == ["tiny"]
    for path in tiny_bundle.rglob("*"):
        if path.is_file():
            assert entries[f"assets/bundles/tiny.deepmark/{path.relative_to(tiny_bundle)}"] == path.read_bytes()
    badging = subprocess.run(
        [android_tools.aapt2, "dump", "badging", tiny_package], capture_output=True, text=True, check=True
    ).stdout
    assert f"name='deepmark.demo' versionCode='{version_code(__version__)}' versionName='{__version__}'" in badging
    assert re.findall(r"uses-permission: name='([^']*)'", badging) == ["android.permission.CAMERA"]
    assert re.search(r"^(minS|s)dkVersion:'26'$", badging, re.MULTILINE)  # its name depends on aapt2's version
    assert "targetSdkVersion:'34'" in badging
    assert re.search(r"locales: .*'de'", badging)
    assert "native-code: 'arm64-v8a'" in badging


def test_two_builds_are_the_same_to_the_byte(
    tiny_package: Path,
    tiny_project: AndroidProject,
    android_tools: AndroidToolChain,
    configuration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(configuration))
    libraries = stand_in_libraries(tiny_project.main / "cpp")
    again = build_package(
        tiny_project,
        libraries,
        tmp_path / "again.apk",
        tools=android_tools,
        key=debug_key(android_tools),
        on_step=lambda: None,
    )
    assert again.name == "again-stand-in.apk"
    assert again.read_bytes() == tiny_package.read_bytes()


def _recompressed(name: str) -> Callable[[Path, Entries], None]:
    def make(target: Path, entries: Entries) -> None:
        with zipfile.ZipFile(target, "w") as archive:
            for one, content in entries.items():
                archive.writestr(one, content, zipfile.ZIP_DEFLATED if one == name else zipfile.ZIP_STORED)

    return make


def _twice(target: Path, entries: Entries) -> None:
    _write(target, entries)
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("classes.dex", b"")


def _unordered(target: Path, entries: Entries) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for one, content in reversed(entries.items()):
            archive.writestr(one, content)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_recompressed(MODEL), f"{MODEL} is compressed"),
        (_recompressed("resources.arsc"), "resources.arsc is compressed"),
        (_recompressed("classes.dex"), "classes.dex is compressed"),
        (_recompressed(LIBRARY), f"{LIBRARY} is compressed"),
        (_recompressed(""), f"{MODEL} does not begin at a multiple of 16384"),
        (_recompressed(""), f"{LIBRARY} does not begin at a multiple of 16384"),
        (_twice, "classes.dex is in it twice"),
        (_unordered, "it begins with"),
    ],
)
def test_a_zip_that_a_phone_would_not_map_is_found(
    tiny_package: Path, tmp_path: Path, spoil: Callable[[Path, Entries], None], fault: str
) -> None:
    spoil(tmp_path / "x.apk", _entries(tiny_package))
    assert any(found.startswith(fault) for found in zip_faults(tmp_path / "x.apk"))
    assert not list(zip_faults(tiny_package))


def _with_page(library: bytes, step: int) -> bytes:
    """The library with LOAD segments for pages of another size."""
    changed = bytearray(library)
    (start,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    for at in range(start, start + size * count, size):
        if struct.unpack_from("<I", library, at)[0] == 1:
            struct.pack_into("<Q", changed, at + 48, step)
    return bytes(changed)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda entries: entries.update({"lib/arm64-v8a/libother.so": b"x"}), "libother.so does not belong in it"),
        (lambda entries: entries.update({f"lib/x86_64/{BRIDGE}": entries[LIBRARY]}), "does not belong in it"),
        (lambda entries: entries.pop(LIBRARY), f"{BRIDGE} is missing"),
        (lambda entries: entries.update({LIBRARY: b"no library"}), "is no library for arm64"),
        (lambda entries: entries.update({LIBRARY: entries[LIBRARY][:80]}), "is no library for arm64"),
        (lambda entries: entries.update({LIBRARY: _with_page(entries[LIBRARY], 4096)}), "for pages of 4096 bytes"),
        (lambda entries: entries.update({LIBRARY: entries[LIBRARY] + b"x"}), "is another file than was built"),
    ],
)
def test_a_native_library_that_does_not_load_is_found(
    tiny_package: Path, tmp_path: Path, change: Callable[[Entries], object], fault: str
) -> None:
    entries = _entries(tiny_package)
    libraries = {BRIDGE: entries[LIBRARY]}
    assert not list(library_faults(tiny_package, libraries))
    change(entries)
    assert any(fault in found for found in library_faults(_write(tmp_path / "x.apk", entries), libraries))


def test_the_stand_in_loads_with_pages_of_16_kib(tiny_package: Path) -> None:
    steps = load_alignments(_entries(tiny_package)[LIBRARY])
    assert steps
    assert min(steps) == 16384


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda entries: entries.update({MODEL: entries[MODEL] + b"x"}), f"{MODEL} is not what the index says"),
        (lambda entries: entries.pop(MODEL), f"{MODEL} is missing"),
        (
            lambda entries: entries.update({"assets/bundles/tiny.deepmark/x": b""}),
            "tiny.deepmark/x is not in the index",
        ),
        (
            lambda entries: entries.update(
                {"assets/bundles/index.json": entries["assets/bundles/index.json"].replace(b"true", b"false")}
            ),
            "its index is another one",
        ),
        (lambda entries: entries.update({"assets/large.dex": bytes(MAX_OVERHEAD)}), "more than its models and"),
    ],
)
def test_a_model_that_is_not_what_the_index_says_is_found(
    tiny_package: Path,
    tiny_project: AndroidProject,
    tmp_path: Path,
    change: Callable[[Entries], object],
    fault: str,
) -> None:
    assert not list(model_faults(tiny_package, tiny_project.index))
    entries = _entries(tiny_package)
    change(entries)
    spoiled = _write(tmp_path / "x.apk", entries)
    assert any(fault in found for found in model_faults(spoiled, tiny_project.index))


PROVIDER = 'android:authorities="deepmark.demo.files"\n            android:exported="false"'


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "<application",
            '<uses-permission android:name="android.permission.INTERNET" /><application',
            "it asks for android.permission.INTERNET",
        ),
        (
            '<uses-permission android:name="android.permission.CAMERA" />',
            "",
            "it does not ask for android.permission.CAMERA",
        ),
        ('".ui.AboutActivity" android:exported="false"', '".ui.AboutActivity"', "does not say whether it is exported"),
        (
            '".ui.AboutActivity" android:exported="false"',
            '".ui.AboutActivity" android:exported="true"',
            "AboutActivity is open to other apps",
        ),
        (PROVIDER, PROVIDER.replace("false", "true"), "SharedFiles is open to other apps"),
        ("<application", '<application android:debuggable="true"', "application has debuggable"),
        ('android:allowBackup="false"', 'android:allowBackup="true"', "application has allowBackup"),
        ('android:extractNativeLibs="false"', "", "application has extractNativeLibs"),
    ],
)
def test_a_manifest_that_breaks_a_promise_is_found(
    tiny_project: AndroidProject, android_tools: AndroidToolChain, tmp_path: Path, old: str, new: str, fault: str
) -> None:
    text = (tiny_project.main / "AndroidManifest.xml").read_text()
    assert old in text
    found = list(manifest_faults(_tree(android_tools, tiny_project, tmp_path, text.replace(old, new, 1))))
    assert len(found) == 1
    assert fault in found[0]
    assert not list(manifest_faults(_tree(android_tools, tiny_project, tmp_path, text)))


def _tree(tools: AndroidToolChain, project: AndroidProject, folder: Path, manifest: str) -> str:
    source, resources, base = folder / "AndroidManifest.xml", folder / "resources.zip", folder / "base.apk"
    source.write_text(complete_manifest(manifest))
    printed = ""
    for words in (
        ("compile", "--dir", project.main / "res", "-o", resources),
        ("link", "-I", tools.framework, "--manifest", source, "-o", base, resources),
        ("dump", "xmltree", "--file", "AndroidManifest.xml", base),
    ):
        printed = subprocess.run([tools.aapt2, *words], capture_output=True, text=True, check=True).stdout
    return printed


def test_signatures_that_a_phone_refuses_are_found(
    tiny_package: Path, android_tools: AndroidToolChain, tmp_path: Path
) -> None:
    assert not list(signature_faults(tiny_package, android_tools))
    unsigned = _write(tmp_path / "unsigned.apk", _entries(tiny_package))
    assert any("not validly signed" in fault for fault in signature_faults(unsigned, android_tools))
    changed = bytearray(tiny_package.read_bytes())
    changed[len(changed) // 4] ^= 1
    (tmp_path / "changed.apk").write_bytes(changed)
    assert any("not validly signed" in fault for fault in signature_faults(tmp_path / "changed.apk", android_tools))


@pytest.mark.skipif(shutil.which("apksigner") is None, reason="Debian's apksigner is not installed")
def test_another_version_of_the_signer_calls_the_package_valid(tiny_package: Path, tmp_path: Path) -> None:
    """Our own check uses the jar that signed it; Debian's is of another build."""

    def verify(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["apksigner", "verify", "--verbose", "-Werr", *words, str(package)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = verify(tiny_package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(APK Signature Scheme v2): true" in done.stdout
    assert "(APK Signature Scheme v3): true" in done.stdout
    assert "Number of signers: 1" in done.stdout
    # It looks at v1 for Android 6 and earlier only; some installers of later phones look at nothing else.
    assert "(JAR signing): true" in verify(tiny_package, "--min-sdk-version", "23").stdout
    changed = bytearray(tiny_package.read_bytes())
    changed[len(changed) // 3] ^= 1
    (tmp_path / "changed.apk").write_bytes(changed)
    assert verify(tmp_path / "changed.apk").returncode != 0


def test_a_package_with_faults_is_not_kept(
    tiny_package: Path, tiny_project: AndroidProject, android_tools: AndroidToolChain, tmp_path: Path
) -> None:
    entries = _entries(tiny_package)
    libraries = {BRIDGE: entries.pop(LIBRARY)}
    with pytest.raises(AndroidError, match=f"{BRIDGE} is missing"):
        check_package(_write(tmp_path / "x.apk", entries), tiny_project, libraries, android_tools)
    (tmp_path / "x.apk").write_bytes(b"PK")
    with pytest.raises(AndroidError, match="it is damaged"):
        check_package(tmp_path / "x.apk", tiny_project, libraries, android_tools)


def test_a_fault_in_the_app_s_sources_leaves_the_earlier_package(
    tiny_project: AndroidProject,
    android_tools: AndroidToolChain,
    configuration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(configuration))
    folder = Path(shutil.copytree(tiny_project.folder, tmp_path / "app"))
    broken = AndroidProject(folder, tiny_project.index)
    (broken.main / "java" / "deepmark" / "demo" / "Wrong.java").write_text("package deepmark.demo; class Wrong {")
    (tmp_path / "x-stand-in.apk").write_bytes(b"earlier")
    with pytest.raises(AndroidError, match=r"classes: .*Wrong\.java"):
        build_package(
            broken, {}, tmp_path / "x.apk", tools=android_tools, key=debug_key(android_tools), on_step=lambda: None
        )
    assert (tmp_path / "x-stand-in.apk").read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "x-stand-in.apk"]
