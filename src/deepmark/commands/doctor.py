"""``deepmark doctor``: what of the tool chain is on this machine, and how to get the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from deepmark.commands.options import output_options
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeepMarkError, UsageError

if TYPE_CHECKING:
    from deepmark.runtime.tool_chain_part import ToolChainPart

EPILOG = """\b
Examples:
  deepmark doctor
  deepmark doctor --json
  deepmark doctor --phone
  deepmark doctor --phone --fetch
  deepmark doctor --android --fetch
"""


@click.command("doctor", epilog=EPILOG)
@click.option("--phone", is_flag=True, help="List what measuring on a phone needs here (bench --device adb).")
@click.option("--android", is_flag=True, help="List what making the Android app needs here (bundle --apk).")
@click.option(
    "--fetch",
    is_flag=True,
    help="With --phone or --android: fetch what is missing of MNN's wheel for arm64, or of Android's tools. What, how"
    " large and from where is said first; nothing is installed.",
)
@output_options
def command(*, phone: bool, android: bool, fetch: bool, as_json: bool) -> None:
    """Tell what of the tool chain is here, what each missing part is needed for, and how to get it.

    Exit status: 0 deepmark detect can work here, 1 it cannot; with --phone or --android the same of that
    work.
    """
    if phone and android:
        raise UsageError("--phone and --android are two lists", hint="ask for one after the other")
    if fetch:
        _fetch(phone=phone, android=android)
    work, parts = _examine(phone=phone, android=android)
    broken = [part for part in parts if part.required and not part.ok]
    if as_json:
        print_json({"ok": not broken, "parts": parts})
    else:
        _print(parts)
    if broken:
        names = ", ".join(f"{part.name} ({part.found or 'missing'})" for part in broken)
        raise DeepMarkError(f"{work} cannot work here: {names}", hint=broken[0].remedy)
    say(f"everything that {work} needs is here")


def _examine(*, phone: bool, android: bool) -> tuple[str, list[ToolChainPart]]:
    """Name the work that was asked about, and look at its parts."""
    if phone:
        from deepmark.runtime.phone_tools import phone_tools

        return "deepmark bench --device adb", list(phone_tools())
    if android:
        from deepmark.exporter.android.parts import android_parts

        return "deepmark bundle --apk", list(android_parts())
    from deepmark.runtime.installation import examine

    return "deepmark detect", list(examine())


def _fetch(*, phone: bool, android: bool) -> None:
    if phone:
        from deepmark.runtime.native.arm64_wheel import fetch_arm64_wheel

        say(f"MNN for arm64: {fetch_arm64_wheel(say)}")
    elif android:
        from deepmark.exporter.android.tool_chain import fetch_tools

        fetch_tools(say)
    else:
        raise UsageError("--fetch goes with --phone or --android", hint="deepmark doctor --phone --fetch")


def _print(parts: Sequence[ToolChainPart]) -> None:
    rows = [
        (part.name, "ok" if part.ok else "MISSING" if part.required else "-", part.found or "", part.needed_for)
        for part in parts
    ]
    print_table(("part", "", "found", "needed for"), rows)
    for part in parts:
        if part.remedy:
            say(f"{part.name}: {part.remedy}")
