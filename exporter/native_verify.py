"""Prove a bundle with the C++ runtime on this machine: ``dm_verify``, built where it is not in the cache."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from deepmark.errors import BundleError, EngineError, ParityError

_TIMEOUT_S = 600


def verify_native(bundle: Path, *, threads: int | None = None) -> list[dict[str, Any]]:
    """Run a bundle's golden vectors with the C++ runtime.

    Args:
        bundle: an unpacked folder.
        threads: inference threads; None for the program's default.

    Returns:
        The lines of ``dm_verify``: one a vector, and the end (docs/native.md).

    Raises:
        BundleError: the bundle is no folder, or damaged.
        EngineError: a tool to build with is missing, or the program crashed or hung.
        ParityError: the results differ.
    """
    from deepmark.runtime.native import build_native

    if not bundle.is_dir():
        raise BundleError(f"{bundle} is no folder", hint="the C++ runtime reads unpacked bundles: unzip it first")
    build = build_native("host")
    options = [] if threads is None else ["--threads", str(threads)]
    try:
        done = subprocess.run(
            [*build.launch("dm_verify"), str(bundle.resolve()), *options],
            cwd=build.folder,
            env={**os.environ, "LD_LIBRARY_PATH": "."},
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"dm_verify did not end within {_TIMEOUT_S} s") from error
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    last = lines[-1] if lines else {}
    if done.returncode == 1 and last.get("event") == "error":
        raise BundleError(last["message"], hint=last["hint"])
    if done.returncode not in {0, 3} or last.get("event") != "end":
        raise EngineError(f"dm_verify ended with status {done.returncode}", hint="run it by hand: docs/native.md")
    if done.returncode == 3:
        worst = [line["number"] for line in lines[:-1] if not line["equal"]]
        raise ParityError(
            f"the C++ runtime differs from the network in vector {', '.join(worst)}",
            report=lines,
            hint="run deepmark verify without --native: does MNN itself differ here?",
        )
    return lines
