"""Run one of the C++ programs on this computer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from deepmark.errors import EngineError
from deepmark.runtime.leash import leash
from deepmark.runtime.native.build import NativeBuild
from deepmark.runtime.native.tool_chain import CROSS

TIMEOUT_S = 900  # emulated, the demo network takes a minute

_LAST_EVENTS = {0: "end", 3: "end", 1: "error"}  # by exit status; 2 would be a mistake of ours


def run_program(
    build: NativeBuild, program: str, words: Sequence[str], *, emulator: Sequence[str] = ()
) -> tuple[int, list[dict[str, Any]]]:
    """Run a program to its end.

    Args:
        build: build that holds the program.
        program: its name, one of ``PROGRAMS``.
        words: its command line without its name; paths must be absolute.
        emulator: words that start an emulator; none for a program of this processor.

    Returns:
        Its exit status, and the JSON lines that it printed (docs/native.md); the last one is an ``end`` or an
        ``error``.

    Raises:
        EngineError: it crashed, hung, or ended in another way than the programs do.
    """
    command = [*leash(TIMEOUT_S), *emulator, *build.launch(program), *words]
    environment = {**os.environ} if build.target == CROSS else {**os.environ, "LD_LIBRARY_PATH": "."}
    try:
        done = subprocess.run(
            command,
            cwd=build.folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{program} did not end within {TIMEOUT_S} s") from error
    try:
        lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    except ValueError:  # a line that a crash cut
        lines = []
    last = lines[-1].get("event") if lines else None
    if _LAST_EVENTS.get(done.returncode) != last or last is None:
        raise EngineError(f"{program} ended with status {done.returncode}", hint="run it by hand: docs/native.md")
    return done.returncode, lines
