"""What a device prints is not to be trusted: it is decoded, freed of controls and cut before anybody sees it."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
LONGEST_LINE = 400


def clean(raw: bytes) -> str:
    """Return the text of some output: UTF-8 with replacements, lines kept, escape sequences and controls dropped."""
    text = _ESCAPES.sub("", raw.decode(errors="replace")).replace("\r\n", "\n")
    return "".join(one for one in text if one == "\n" or one.isprintable())


def one_line(text: str, limit: int = LONGEST_LINE) -> str:
    """Return the last line that says something, cut to a length that fits a message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= limit else f"{last[: limit - 1]}…"
