"""One part of the tool chain, as the doctor lists it, and how to look for a program."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

CHILD_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class ToolChainPart:
    """One part of the tool chain.

    Attributes:
        name: short name.
        found: version and path, or what is wrong with it; None where it is missing.
        ok: whether it can be used.
        needed_for: what does not work without it.
        remedy: how to get or mend it; None where there is nothing to do.
        required: whether what was asked about cannot work without it.
    """

    name: str
    found: str | None
    ok: bool
    needed_for: str
    remedy: str | None
    required: bool = False


def program_part(program: str, package: str, needed_for: str) -> ToolChainPart:
    """Look for a program on PATH that a package of Debian's brings."""
    found = shutil.which(program)
    lines = printed([found, "--version"]) if found else []
    remedy = None if found else f"apt-get install {package}"
    return ToolChainPart(program, lines[0] if lines else found, found is not None, needed_for, remedy)


def printed(command: Sequence[str]) -> list[str]:
    """Return the lines that a program prints; none where it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=CHILD_TIMEOUT_S, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return []
    return done.stdout.decode(errors="replace").splitlines()
