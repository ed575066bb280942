"""A search as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from deepmark.console import print_table, say
from deepmark.exporter.tuning.parameter_search import TuneReport
from deepmark.exporter.tuning.sweeps import OFF, Sweep
from deepmark.models.evaluation.gains import Gain

_BEST, _START = "best", "start"


def print_search(report: TuneReport, faults: Iterable[str]) -> None:
    """Print a table for every parameter, what was found, and what it gains."""
    for sweep in report.sweeps:
        _print_sweep(sweep)
    if report.sigma_map is not None:
        center, keypoint, value = report.sigma_map.best
        say(f"best pair of sigmas: sigma_center {center:g}, sigma_keypoint {keypoint:g}, mAP_pt {value:.4f}")
    rows: list[tuple[str, ...]] = [
        (name, f"{getattr(report.start, name):g}", f"{getattr(report.found, name):g}") for name in OFF
    ]
    rows.append(("technique 4", *("on" if one.mask else "off" for one in (report.start, report.found))))
    print_table(("parameter", "before", "found"), rows)
    print_table(
        ("gain over", "", "mAP before", "after", "gain", "95 % interval", ""),
        [
            _gain_row(name, kind, gain)
            for name, one in (("the model's parameters", report.over_start), ("no technique", report.over_off))
            for kind, gain in (("mAP_pt", one.points), ("mAP_box", one.boxes))
            if gain is not None
        ],
        title=f"on {report.checked.pictures:,} pictures that the search did not see",
    )
    for fault in faults:
        say(f"left out: {fault}")
    say(
        f"searched {sum(len(one.trials) for one in report.sweeps)} values on {report.searched.pictures:,} pictures with"
        f" {report.searched.items:,} objects in {report.search_s:.0f} s,"
        f" checked on {report.checked.pictures:,} with {report.checked.items:,}"
    )


def _print_sweep(sweep: Sweep) -> None:
    marks = {sweep.start: _START, sweep.best: _BEST}
    rows = [
        (
            f"{one.value:g}",
            *("-" if value is None else f"{value:.4f}" for value in (one.map_pt, one.map_box)),
            f"{_BEST}, {_START}" if one.value == sweep.start == sweep.best else marks.get(one.value, ""),
        )
        for one in sweep.trials
    ]
    print_table((sweep.parameter, "mAP_pt", "mAP_box", ""), rows)


def _gain_row(name: str, kind: str, gain: Gain) -> tuple[str, ...]:
    return (
        name,
        kind,
        f"{gain.before:.4f}",
        f"{gain.after:.4f}",
        f"{gain.difference:+.4f}",
        f"{gain.low:+.4f} to {gain.high:+.4f}",
        "significant" if gain.low > 0 or gain.high < 0 else "",
    )
