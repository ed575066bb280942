"""The phone's section of the page: what it is, and its heat and clocks over time beside the time of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.report.phone_tables import TURN_COLUMNS, cores_text, identity_rows, state_text, turn_rows
from deepmark.benchmarks.result.document import Measured
from deepmark.benchmarks.result.phone import Phone
from deepmark.page import SERIES, Chart, Facts, Section, Table, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INTRO = (
    "Between turns the phone was left to cool down. The clock is the mean of the fastest cluster during a turn, by the"
    " kernel's own count (time_in_state); capped is the lowest limit that was seen below what a core can do."
)
_EMULATED = "EMULATED: no phone was measured. The numbers of this page say nothing about any phone. "


def phone_section(phone: Phone, contestants: Sequence[Measured]) -> Section:
    """Lay the phone out."""
    facts: dict[str, str] = {
        **dict(identity_rows(phone.identity)),
        "at the start": state_text(phone.start),
        "runtime": f"{phone.runtime}, sha256 {phone.runtime_sha256[:16]}, power {phone.power}",
        "bound to": f"cores {cores_text(phone.cores)}",
        **{f"{name}: test vectors": f"{count} equal on the phone" for name, count in phone.verified.items()},
    }
    turns = turn_rows([(one.name, one.rounds) for one in contestants])
    intro = f"{_EMULATED if phone.identity.emulated else ''}{_INTRO}"
    table = Table("Turns", TURN_COLUMNS, tuple(turns))
    return Section("The phone", intro, (Facts({**facts}), _over_time(contestants), table))


def _over_time(contestants: Sequence[Measured]) -> Chart:
    def paint(figure: Figure) -> None:
        latency, battery, clock = figure.subplots(3, 1, sharex=True)
        for number, one in enumerate(contestants):
            look = {"marker": "o", "color": SERIES[number % len(SERIES)]}
            starts = [turn.at_s for turn in one.rounds]
            latency.plot(starts, [float(np.median(times)) for times in one.times("total")], label=one.name, **look)
            warmth = [turn.phone.after.battery_c if turn.phone else None for turn in one.rounds]
            clocks = [turn.conditions.frequency_mhz for turn in one.rounds]
            battery.plot(starts, [np.nan if value is None else value for value in warmth], **look)
            clock.plot(starts, [np.nan if value is None else value for value in clocks], **look)
        latency.set_ylabel("ms, total")
        battery.set_ylabel("battery, °C")
        clock.set_ylabel("MHz")
        clock.set_xlabel("s since the beginning")
        figure.legend(*latency.get_legend_handles_labels(), loc="outside lower center", ncols=2)

    return Chart(draw("Heat and clocks over time", paint, height=6.0), "What rises with the heat is the phone's.")
