"""``deepmark doctor``: what of the tool chain is on this machine, and how to get the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from deepmark.commands.options import output_options
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeepMarkError

if TYPE_CHECKING:
    from deepmark.runtime.tool_chain_part import ToolChainPart

EPILOG = """\b
Examples:
  deepmark doctor
  deepmark doctor --json
  deepmark doctor --phone
  deepmark doctor --phone --fetch
"""


@click.command("doctor", epilog=EPILOG)
@click.option("--phone", is_flag=True, help="List what measuring on a phone needs here (bench --device adb).")
@click.option(
    "--fetch",
    is_flag=True,
    help="With --phone: let pip fetch MNN's wheel for arm64, which is said first; nothing is installed.",
)
@output_options
def command(*, phone: bool, fetch: bool, as_json: bool) -> None:
    """Tell what of the tool chain is here, what each missing part is needed for, and how to get it.

    Exit status: 0 deepmark detect can work here, 1 it cannot; with --phone the same of deepmark bench --device adb.
    """
    from deepmark.runtime.installation import examine
    from deepmark.runtime.phone_tools import phone_tools

    if fetch:
        _fetch(phone=phone)
    parts = list(phone_tools() if phone else examine())
    work = "deepmark bench --device adb" if phone else "deepmark detect"
    broken = [part for part in parts if part.required and not part.ok]
    if as_json:
        print_json({"ok": not broken, "parts": parts})
    else:
        _print(parts)
    if broken:
        names = ", ".join(f"{part.name} ({part.found or 'missing'})" for part in broken)
        raise DeepMarkError(f"{work} cannot work here: {names}", hint=broken[0].remedy)
    say(f"everything that {work} needs is here")


def _fetch(*, phone: bool) -> None:
    from deepmark.errors import UsageError
    from deepmark.runtime.native.arm64_wheel import fetch_arm64_wheel

    if not phone:
        raise UsageError("--fetch goes with --phone only", hint="deepmark doctor --phone --fetch")
    say(f"MNN for arm64: {fetch_arm64_wheel(say)}")


def _print(parts: Sequence[ToolChainPart]) -> None:
    rows = [
        (part.name, "ok" if part.ok else "MISSING" if part.required else "-", part.found or "", part.needed_for)
        for part in parts
    ]
    print_table(("part", "", "found", "needed for"), rows)
    for part in parts:
        if part.remedy:
            say(f"{part.name}: {part.remedy}")
