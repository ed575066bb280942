"""``deepmark device``: which phones are connected, what they are, and whether they can be measured on now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deepmark.commands.options import output_options
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeviceError

if TYPE_CHECKING:
    from deepmark.benchmarks.device.connected_phones import ConnectedPhone

EPILOG = """\b
Examples:
  deepmark device
  deepmark device --json
  deepmark bench shirt.deepmark --device adb --serial 5EF0123456789
\b
How to connect a phone: docs/phone.md.
"""


@click.command("device", epilog=EPILOG)
@output_options
def command(as_json: bool) -> None:
    """List the phones that adb sees: what each is, and whether it is fit for measuring now, or why not.

    Nothing is copied to a phone or changed on it. Exit status: 0 there are phones, 4 there is none or no adb.
    """
    from deepmark.benchmarks.device.adb import find_adb
    from deepmark.benchmarks.device.connected_phones import examine_phones

    phones = examine_phones(find_adb())
    if as_json:
        print_json({"phones": phones})
    else:
        _print(phones)
    if not phones:
        raise DeviceError("no phone is connected", hint="plug it in and turn on USB debugging (docs/phone.md)")


def _print(phones: tuple[ConnectedPhone, ...]) -> None:
    from deepmark.benchmarks.report.phone_tables import choice_row, identity_rows, state_text

    for one in phones:
        names = ", also ".join((one.serial, *one.also))
        say(f"{names}: {one.identity.title if one.identity else one.state}")
        if one.identity is not None and one.now is not None:
            rows = [*identity_rows(one.identity), choice_row(one.identity), ("now", state_text(one.now))]
            print_table(("", ""), rows)
        say("  fit for measuring" if one.fit else f"  not fit for measuring: {'; '.join(one.reasons)}")
