"""Prove a bundle with the C++ runtime on this machine: ``dm_verify``, built where it is not in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepmark.errors import BundleError, ParityError


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
    from deepmark.runtime.native.program import run_program

    if not bundle.is_dir():
        raise BundleError(f"{bundle} is no folder", hint="the C++ runtime reads unpacked bundles: unzip it first")
    options = [] if threads is None else ["--threads", str(threads)]
    code, lines = run_program(build_native("host"), "dm_verify", [str(bundle.resolve()), *options])
    if lines[-1]["event"] == "error":
        raise BundleError(lines[-1]["message"], hint=lines[-1]["hint"])
    if code == 3:
        worst = [line["number"] for line in lines[:-1] if not line["equal"]]
        raise ParityError(
            f"the C++ runtime differs from the network in vector {', '.join(worst)}",
            report=lines,
            hint="run deepmark verify without --native: does MNN itself differ here?",
        )
    return lines
