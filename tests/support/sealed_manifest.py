"""Manifests of bundles, changed as no program of ours would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


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
