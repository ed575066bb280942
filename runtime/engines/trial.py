"""A process of its own for what a native library may do to one: crash, hang, or refuse with a sentence."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepmark.errors import BundleError, DeepMarkError, EngineError, UsageError
from deepmark.runtime.leash import leash

_REPORT_PREFIX = "deepmark-trial: "  # marks the one line of the child's stderr that is for the parent
_ERRORS: dict[str, type[DeepMarkError]] = {kind.__name__: kind for kind in (BundleError, EngineError, UsageError)}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadTrial:
    """What is tried, and what its failure means.

    Attributes:
        module: name of the module that the child runs as a program.
        label: name that the user has for the model; errors begin with it.
        library: what is tried, as users know it.
        timeout_s: longest time of the child, in seconds.
        blames: error to raise where the child crashes or hangs.
        hint: what a user can do then.
    """

    module: str
    label: str
    library: str
    timeout_s: float
    blames: type[BundleError | EngineError]
    hint: str


def run_trial(trial: LoadTrial, words: Sequence[str]) -> None:
    """Run the module with these arguments in a child process.

    Raises:
        DeepMarkError: what the child said by `report`, or that it crashed or hung.
        EngineError: no child process can be started, or it was killed.
    """
    try:
        child = subprocess.run(
            [*leash(trial.timeout_s), *module_command(trial.module), *words],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=trial.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise too_slow(trial) from error
    except OSError as error:
        raise EngineError(f"{trial.label}: cannot start a process to load it in: {error.strerror or error}") from error
    printed = (child.stdout + child.stderr).decode(errors="replace")
    logger.debug("trial of %s by %s: exit status %d\n%s", trial.label, trial.library, child.returncode, printed.strip())
    if child.returncode:
        raise explain_end(trial, child.returncode, printed)


def module_command(module: str) -> list[str]:
    """Return the command that runs a module as a program, off whose import path the working folder stays.

    A fork would not do: MNN hangs in the fork of a process that used it.
    """
    return [sys.executable, "-P", "-m", module]


def child_environment() -> dict[str, str]:
    """Return the environment for a child: this process's own, and its import path as it is."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def report(load: Callable[[], object]) -> int:
    """Load a model in the child; an error goes to the parent as one marked line on stderr. Returns the exit status."""
    try:
        load()
    except DeepMarkError as error:
        words = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
        sys.stderr.write(f"\n{_REPORT_PREFIX}{json.dumps(words)}\n")
        return 1
    return 0


def too_slow(trial: LoadTrial) -> DeepMarkError:
    """Say that a child did not load the model in its time."""
    return trial.blames(f"{trial.label}: {trial.library} did not load it within {trial.timeout_s:g} s", hint=trial.hint)


def explain_end(trial: LoadTrial, status: int, printed: str) -> DeepMarkError:
    """Say why a child ended that should not have.

    Args:
        trial: what was tried.
        status: its exit status; below 0 it is the number of the signal that ended it.
        printed: what it printed, among it what `report` wrote.
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    for line in lines:
        if line.startswith(_REPORT_PREFIX):
            report = json.loads(line.removeprefix(_REPORT_PREFIX))
            return _ERRORS.get(report["type"], EngineError)(f"{trial.label}: {report['message']}", hint=report["hint"])
    last = f" (its last words: {lines[-1]})" if lines else ""
    if status == -signal.SIGKILL:
        return EngineError(
            f"{trial.label}: the process that loaded it was killed{last}", hint="is there enough free memory?"
        )
    if status < 0:
        return trial.blames(
            f"{trial.label}: {trial.library} crashes on it with {signal.Signals(-status).name}{last}", hint=trial.hint
        )
    return EngineError(
        f"{trial.label}: {trial.library} cannot be tried in a process of its own: exit status {status}{last}",
        hint=trial.hint,
    )
