"""What must be true of a package before anybody installs it; aapt2 and apksigner look at less."""

from __future__ import annotations

import hashlib
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from deepmark.errors import AndroidError
from deepmark.exporter.android.aligned_zip import PAGE, alignment, content_offsets
from deepmark.exporter.android.project import AndroidProject, AppIndex
from deepmark.exporter.android.signing import verify_signature
from deepmark.exporter.android.tool_chain import AndroidToolChain, run_tool

PERMISSIONS = frozenset({"android.permission.CAMERA"})
SCHEMES = ("v1", "v2", "v3")
MAX_OVERHEAD = 12 << 20  # bytes of a package beside its models

_LIBRARIES = "lib/arm64-v8a/"
_BUNDLES = "assets/bundles/"
_ATTRIBUTE = re.compile(r'A: (?:[\w./:]*:)?(\w+)(?:\([^)]*\))?="?([^"\n]*?)"?(?: \(Raw: "[^"]*"\))?$')


def check_package(
    package: Path, project: AndroidProject, libraries: Mapping[str, bytes], tools: AndroidToolChain
) -> None:
    """Check everything that a phone refuses, or that would break a promise of the app.

    Args:
        package: signed package.
        project: project that it was made of.
        libraries: name of each native library -> its content.
        tools: JDK and Android's tools.

    Raises:
        AndroidError: lists what is wrong.
    """
    try:
        faults = [
            *zip_faults(package),
            *manifest_faults(_manifest(package, tools)),
            *library_faults(package, libraries),
            *model_faults(package, project.index),
            *signature_faults(package, tools),
        ]
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        faults = [f"it is damaged: {error}"]
    if faults:
        raise AndroidError(f"the package is not what it must be: {'; '.join(faults)}", hint="this is a fault of ours")


def zip_faults(package: Path) -> Iterator[str]:
    """Yield what is wrong with the zip: alignment, compression, double names."""
    offsets = content_offsets(package)
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{name} is in it twice"
        if names[0] != "AndroidManifest.xml":
            yield f"it begins with {names[0]}, expected AndroidManifest.xml"
        for info in archive.infolist():
            step = alignment(info.filename)
            if step == 1:
                continue
            if info.compress_type != zipfile.ZIP_STORED:
                yield f"{info.filename} is compressed"
            elif offsets[info.filename] % step:
                yield f"{info.filename} does not begin at a multiple of {step}"


def _manifest(package: Path, tools: AndroidToolChain) -> str:
    command = [str(tools.aapt2), "dump", "xmltree", "--file", "AndroidManifest.xml", str(package)]
    return run_tool(command, stage="checks")


def manifest_faults(tree: str) -> Iterator[str]:
    """Yield what is wrong with a manifest, given as aapt2's tree: permissions, exported flags, versions."""
    elements = _elements(tree)
    permissions = {facts.get("name", "") for tag, facts in elements if tag.startswith("uses-permission")}
    for name in sorted(permissions - PERMISSIONS):
        yield f"it asks for {name}"
    for name in sorted(PERMISSIONS - permissions):
        yield f"it does not ask for {name}"
    for tag, facts in elements:
        if tag in {"activity", "service", "receiver", "provider"}:
            name, exported = facts.get("name", "?"), facts.get("exported")
            if exported is None:
                yield f"{tag} {name} does not say whether it is exported"
            elif exported == "true" and not name.endswith(".LiveActivity"):
                yield f"{tag} {name} is open to other apps"
        if tag == "application":
            for flag in ("debuggable", "allowBackup", "extractNativeLibs"):
                if facts.get(flag, "false" if flag == "debuggable" else "true") != "false":
                    yield f"application has {flag}"


def _elements(tree: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    for line in tree.splitlines():
        text = line.strip()
        if text.startswith("E: "):
            found.append((text[3:].split()[0], {}))
        elif found and (match := _ATTRIBUTE.match(text)):
            found[-1][1][match[1]] = match[2]
    return found


def library_faults(package: Path, libraries: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what is wrong with the native libraries: missing, other, or not loadable with pages of 16 KiB."""
    with zipfile.ZipFile(package) as archive:
        found = {name for name in archive.namelist() if name.startswith("lib/")}
        for name in sorted(found - {_LIBRARIES + name for name in libraries}):
            yield f"{name} does not belong in it"
        for name, content in libraries.items():
            if _LIBRARIES + name not in found:
                yield f"{name} is missing"
                continue
            packed = archive.read(_LIBRARIES + name)
            if packed != content:
                yield f"{name} is another file than was built"
            steps = load_alignments(packed)
            if not steps:
                yield f"{name} is no library for arm64"
            elif min(steps) < PAGE:
                yield f"{name} has a segment for pages of {min(steps)} bytes, expected {PAGE}"


def load_alignments(library: bytes) -> list[int]:
    """Return the alignment of each LOAD segment of a 64-bit library for arm64, in bytes; none for another file."""
    if library[:6] != b"\x7fELF\x02\x01" or len(library) < 64 or struct.unpack_from("<H", library, 18)[0] != 183:
        return []
    (start,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    steps = []
    for at in range(start, start + size * count, size):
        if at + 56 > len(library):
            return []
        if struct.unpack_from("<I", library, at)[0] == 1:
            steps.append(struct.unpack_from("<Q", library, at + 48)[0])
    return steps


def model_faults(package: Path, index: AppIndex) -> Iterator[str]:
    """Yield what is wrong with the models: missing, changed, or not in the index; and a package that is too large."""
    expected = {
        f"{_BUNDLES}{model.name}.deepmark/{path}": entry
        for model in index.bundles
        for path, entry in model.files.items()
    }
    with zipfile.ZipFile(package) as archive:
        found = {name for name in archive.namelist() if name.startswith(_BUNDLES)} - {f"{_BUNDLES}index.json"}
        if msgspec.json.decode(archive.read(f"{_BUNDLES}index.json"), type=AppIndex) != index:
            yield "its index is another one"
        for name in sorted(found - set(expected)):
            yield f"{name} is not in the index"
        for name, entry in expected.items():
            if name not in found:
                yield f"{name} is missing"
            elif hashlib.sha256(archive.read(name)).hexdigest() != entry.sha256:
                yield f"{name} is not what the index says"
    models = sum(entry.bytes for entry in expected.values())
    if package.stat().st_size > models + MAX_OVERHEAD:
        yield f"it has {package.stat().st_size:,} bytes, more than its models and {MAX_OVERHEAD:,}"


def signature_faults(package: Path, tools: AndroidToolChain) -> Iterator[str]:
    """Yield what is wrong with the signatures."""
    try:
        found = verify_signature(tools, package)
    except AndroidError as error:
        yield str(error)
        return
    for scheme in SCHEMES:
        if scheme not in found:
            yield f"it has no signature of scheme {scheme}"
