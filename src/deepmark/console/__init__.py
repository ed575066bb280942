"""How programs talk: results to stdout as JSON, tables and progress to stderr, errors as one line and a hint."""

from deepmark.console.lines import (
    be_quiet,
    forget_level,
    is_quiet,
    print_json,
    print_table,
    print_text,
    say,
    set_level,
)
from deepmark.console.program import JSON_HELP, QUIET_HELP, VERBOSE_HELP, ProgramParser, run
from deepmark.console.progress_bar import Advance, Progress, no_progress, progress

__all__ = [
    "JSON_HELP",
    "QUIET_HELP",
    "VERBOSE_HELP",
    "Advance",
    "ProgramParser",
    "Progress",
    "be_quiet",
    "forget_level",
    "is_quiet",
    "no_progress",
    "print_json",
    "print_table",
    "print_text",
    "progress",
    "run",
    "say",
    "set_level",
]
