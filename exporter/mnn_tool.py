"""Run a function of MNN's C module in a child process, and believe it only if it says nothing but success.

The module reports success on nearly everything, and ends the process on arguments of a wrong type, on a missing folder
of pictures and on some of its own methods. The commands ``mnnconvert`` and ``mnnquant`` of MNN's wheel are never used:
they install a log uploader and report to a server.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import ConversionError
from deepmark.runtime.leash import leash

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MnnTool:
    """A function of MNN's C module.

    Attributes:
        function: name in ``_tools``.
        words: name in errors.
        stage: step of the chain that errors name.
        success: text printed at the end when it went well.
        trouble: texts that are signs of a failure which it survives.
        timeout_s: time after which it counts as hanging, in seconds.
    """

    function: str
    words: str
    stage: str
    success: str
    trouble: tuple[str, ...]
    timeout_s: float


def run_tool(tool: MnnTool, arguments: Sequence[str], folder: Path) -> str:
    """Run a tool inside ``folder``; return what it printed.

    Args:
        tool: function to call.
        arguments: command-line arguments, without the program's name.
        folder: working folder of the child process.

    Raises:
        ConversionError: MNN is not installed, or the tool crashed, hung, or printed anything but plain success.
    """
    # The child imports the wheel's C module and nothing else of MNN. -P keeps the working folder off its import path.
    code = f"import sys, _tools; _tools.{tool.function}(sys.argv[1:])"
    command = [*leash(tool.timeout_s), sys.executable, "-P", "-c", code, "MNN", *arguments]
    try:
        child = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=tool.timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(f"{tool.words} did not finish within {tool.timeout_s:g} s", stage=tool.stage) from error
    log = child.stdout + child.stderr
    logger.debug("%s printed:\n%s", tool.words, log.strip())
    if "No module named '_tools'" in log:
        raise ConversionError("MNN is not installed", stage=tool.stage, hint="pip install mnn")
    if child.returncode:
        raise ConversionError(f"{tool.words} {_ended(child.returncode)}", stage=tool.stage, hint=last_words(log))
    trouble = [line.strip() for line in log.splitlines() if any(sign in line for sign in tool.trouble)]
    if trouble or tool.success not in log:
        raise ConversionError(f"{tool.words} failed: {trouble[0] if trouble else last_words(log)}", stage=tool.stage)
    return log


def last_words(log: str) -> str:
    """Quote the last line that a tool printed."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"its last words: {lines[-1]}" if lines else "it printed nothing"


def _ended(status: int) -> str:
    if status < 0:
        return f"crashed with {signal.Signals(-status).name}"
    return f"crashed (exit status {status})"
