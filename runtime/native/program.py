"""Run one of the C++ programs on this computer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from deepmark.errors import EngineError
from deepmark.runtime.leash import leash
from deepmark.runtime.native.build import NativeBuild
from deepmark.runtime.native.tool_chain import CROSS

TIMEOUT_S = 900  # emulated, the demo network takes a minute

_LAST_EVENTS = {0: "end", 3: "end", 1: "error"}  # by exit status; 2 would be a mistake of ours


def run_program(
    build: NativeBuild,
    program: str,
    words: Sequence[str],
    *,
    emulator: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, list[dict[str, Any]]]:
    """Run a program to its end.

    Args:
        build: build that holds the program.
        program: its name, one of ``PROGRAMS``.
        words: its command line without its name; paths must be absolute.
        emulator: words that start an emulator; none for a program of this processor.
        environment: variables beside this process's own; None for no others.
        timeout_s: longest time that it may take, in seconds.

    Returns:
        Its exit status, and the JSON lines that it printed (docs/native.md); the last one is an ``end`` or an
        ``error``.

    Raises:
        EngineError: it crashed, hung, or ended in another way than the programs do.
    """
    command = [*leash(timeout_s), *emulator, *build.launch(program), *words]
    paths = {} if build.target == CROSS else {"LD_LIBRARY_PATH": _with_own_folder()}
    try:
        done = subprocess.run(
            command,
            cwd=build.folder,
            env={**os.environ, **paths, **(environment or {})},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{program} did not end within {timeout_s:g} s") from error
    try:
        lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    except ValueError:  # a line that a crash cut
        lines = []
    last = lines[-1].get("event") if lines else None
    if _LAST_EVENTS.get(done.returncode) != last or last is None:
        raise EngineError(f"{program} ended with status {done.returncode}", hint="run it by hand: docs/native.md")
    return done.returncode, lines


def _with_own_folder() -> str:
    """The program's own folder before those in which this process looks for libraries, such as a driver's."""
    return os.pathsep.join(filter(None, [".", os.environ.get("LD_LIBRARY_PATH")]))
