"""``deepmark doctor``: what of the tool chain is on this machine, and how to get the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from deepmark.commands.options import output_options
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeepMarkError

if TYPE_CHECKING:
    from deepmark.runtime.installation import ToolChainPart

EPILOG = """\b
Examples:
  deepmark doctor
  deepmark doctor --json
"""


@click.command("doctor", epilog=EPILOG)
@output_options
def command(as_json: bool) -> None:
    """Tell what of the tool chain is here, what each missing part is needed for, and how to get it.

    Exit status: 0 deepmark detect can work here, 1 it cannot.
    """
    from deepmark.runtime.installation import examine

    parts = list(examine())
    broken = [part for part in parts if part.required and not part.ok]
    if as_json:
        print_json({"ok": not broken, "parts": parts})
    else:
        _print(parts)
    if broken:
        names = ", ".join(f"{part.name} ({part.found or 'missing'})" for part in broken)
        raise DeepMarkError(f"deepmark detect cannot work here: {names}", hint=broken[0].remedy)
    say("everything that deepmark detect needs is here")


def _print(parts: Sequence[ToolChainPart]) -> None:
    rows = [
        (part.name, "ok" if part.ok else "MISSING" if part.required else "-", part.found or "", part.needed_for)
        for part in parts
    ]
    print_table(("part", "", "found", "needed for"), rows)
    for part in parts:
        if part.remedy:
            say(f"{part.name}: {part.remedy}")
