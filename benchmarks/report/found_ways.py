"""``deepmark bench --find`` on the terminal: every way to compute that a phone was tried in, and the best ones."""

from __future__ import annotations

from collections.abc import Callable

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.figures import contestant_figures
from deepmark.console import print_table, say


def print_ways(result: BenchResult) -> None:
    """Print a row for each way, the fastest first, those that were refused last; then the best ones."""
    found = sorted(contestant_figures(result), key=lambda row: row.total.median)
    cells = [
        (
            row.measured.name,
            f"{row.total.median:.2f}",
            f"{1000 / row.total.median:.1f}",
            f"{row.measured.memory.peak:.0f}",
            _shown(warming(row.measured)),
            str(row.measured.settings.get("operators", "vectors right")),
        )
        for row in found
    ]
    cells += [(one.name, "-", "-", "-", "-", one.error) for one in result.failures]
    print_table(("", "total ms", "FPS", "peak RSS, MiB", "warmer by, °C", "proof"), cells, title="Ways to compute")
    for title, one in best_ways(result).items():
        say(f"{title}: {one.name}")
    if all(warming(row.measured) is None for row in found):
        say("least heat: no temperature could be read")


def best_ways(result: BenchResult) -> dict[str, ContestantResult]:
    """Return the best contestant in each respect; one that could not be read of any is left out."""
    medians = {row.measured.name: row.total.median for row in contestant_figures(result)}
    measures: dict[str, Callable[[ContestantResult], float | None]] = {
        "fastest": lambda one: medians[one.name],
        "least memory": lambda one: one.memory.peak,
        "least heat": warming,
    }
    best = {}
    for title, measure in measures.items():
        known = [
            (value, number) for number, one in enumerate(result.contestants) if (value := measure(one)) is not None
        ]
        if known:
            best[title] = result.contestants[min(known)[1]]
    return best


def warming(one: ContestantResult) -> float | None:
    """Return how much warmer the phone's shell, or else its battery, was after a turn than before, on average.

    In degrees Celsius; None where no temperature could be read.
    """
    turns = [turn.phone for turn in one.rounds if turn.phone is not None]
    for part in ("skin_c", "battery_c"):
        pairs = [(getattr(turn.before, part), getattr(turn.after, part)) for turn in turns]
        rises = [after - before for before, after in pairs if before is not None and after is not None]
        if rises:
            return float(sum(rises) / len(rises))
    return None


def _shown(degrees: float | None) -> str:
    return "-" if degrees is None else f"{degrees:+.1f}"
