"""Manifests of bundles, changed as no program of ours would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from deepmark.runtime.manifest import FileEntry, Manifest


def seal(document: dict[str, Any], bundle: Path) -> None:
    """Write a manifest with the checksum that fits it."""
    document["checksum"] = "0" * 64
    unsealed = json.dumps(document)
    sealed = unsealed.replace("0" * 64, hashlib.sha256(unsealed.encode()).hexdigest(), 1)
    (bundle / "manifest.json").write_text(sealed)


def change_manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change a bundle's manifest in place; returns the bundle."""
    document = json.loads((bundle / "manifest.json").read_bytes())
    change(document)
    seal(document, bundle)
    return bundle


def list_files(bundle: Path, change: Callable[[Manifest], Manifest] = lambda manifest: manifest) -> None:
    """Let a bundle's manifest list the files as they are now, and change what else it says."""
    path = bundle / "manifest.json"
    manifest = Manifest.from_json(path.read_bytes(), source="")
    files = {name: (bundle / name).read_bytes() for name in manifest.files if (bundle / name).exists()}
    entries = {name: FileEntry(hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()}
    path.write_bytes(change(msgspec.structs.replace(manifest, files=entries)).to_json())
