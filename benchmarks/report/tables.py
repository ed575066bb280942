"""A measurement on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.benchmarks.report.paper import (
    CLAIM_MEMORY,
    CLAIM_TIME,
    MACHINE,
    PAPER_SIZE,
    TOTALS_MS,
    paper_gflops,
    standing,
)
from deepmark.benchmarks.report.phone_tables import print_phone, print_turns
from deepmark.benchmarks.report.public_figures import public_figure_hints
from deepmark.benchmarks.result.diff import Change
from deepmark.benchmarks.result.document import PHASES, BenchResult, ContestantResult, Machine, PictureRecord
from deepmark.benchmarks.result.figures import ContestantFigures, against_fastest, contestant_figures, savings
from deepmark.benchmarks.result.statistics import Ratio
from deepmark.console import print_table, say


def print_result(result: BenchResult) -> None:
    """Print times, memory, and what speaks against them."""
    found = contestant_figures(result)
    turns = [(one.name, one.rounds) for one in result.contestants]
    if result.phone is None:
        say(f"{machine_line(result.machine)}; {result.created}")
    else:
        print_phone(result.phone, result.created, result.contestants)
    say(f"pictures: {pictures_text(result.pictures)}")
    _print_times(found)
    _print_memory(found)
    _print_gpus(result.contestants)
    if result.phone is not None:
        print_turns(turns)
        for hint in public_figure_hints(result):
            say(f"hint: {hint}")
    for one in against_fastest(result):
        say(f"{one.name}: a whole frame takes {ratio_text(one.ratio)} of {one.rival}, the fastest rival")
    for row in found:
        if row.verdict.reasons:
            say(f"unstable: {row.measured.name}: {'; '.join(row.verdict.reasons)}")


def machine_line(machine: Machine) -> str:
    """Say what the computer is, in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    virtual = ", virtual" if machine.virtual else ""
    return f"{machine.cpu} ({machine.cores} cores{virtual}), {machine.system}, Python {machine.python}; {versions}"


def pictures_text(pictures: PictureRecord) -> str:
    """Say what was run on, in a line."""
    return f"{len(pictures.sizes)}, {pictures.source}" if pictures.sizes else pictures.source


def _print_times(found: Sequence[ContestantFigures]) -> None:
    """Print medians of the phases and the total, frames a second, and the ratio; then how the total spreads."""
    cells = [
        (
            row.measured.name,
            *(f"{row.phases[phase].median:.2f}" if phase in row.phases else "-" for phase in PHASES),
            f"{row.total.median:.2f}",
            f"{row.fps:.1f}" if row.fps else "-",
            ratio_text(row.ratio) if row.ratio else "-",
        )
        for row in found
    ]
    title = "Medians in ms; ratio, with 95 %: to the first model, of a rival its network to that model's"
    print_table(("", *PHASES, "total", "FPS", "ratio"), cells, title=title)
    cells = [
        (
            row.measured.name,
            f"{row.measured.engine} {row.measured.version}",
            f"{row.measured.size}, {_threads(row)}",
            str(row.total.runs),
            "-" if row.measured.objects is None else f"{row.measured.objects:.1f}",
            f"{row.total.low:.2f} .. {row.total.high:.2f}",
            *(f"{value:.2f}" for value in (row.total.p90, row.total.p99, row.total.min, row.total.mad)),
        )
        for row in found
    ]
    columns = ("", "engine", "input", "runs", "objects", "median, 95 %", "p90", "p99", "min", "MAD")
    print_table(columns, cells, title="Spread of the total, ms")


def _print_memory(found: Sequence[ContestantFigures]) -> None:
    columns = ("", "before", "peak USS", "peak PSS", "peak RSS", "steady USS", "steady PSS", "engine's own", "file")
    cells = []
    for row in found:
        memory = row.measured.memory
        figures = (
            memory.before,
            memory.peak_uss,
            memory.peak_pss,
            memory.peak_rss,
            memory.steady_uss,
            memory.steady_pss,
            memory.engine,
            row.measured.file_bytes / 1e6,
        )
        cells.append((row.measured.name, *("-" if one is None else f"{one:.1f}" for one in figures)))
    print_table(columns, cells, title="Memory of the process, MiB; file in MB")


def _print_gpus(contestants: Sequence[ContestantResult]) -> None:
    """Print where a GPU's operators ran, and what it costs before the first picture; nothing where none computed."""
    cells = [
        (
            one.name,
            str(one.settings.get("operators", "")),
            f"{one.settings.get('gpu_precision')}, mode {one.settings.get('gpu_mode')}",
            *(str(one.settings.get(part, "-")) for part in ("create_ms", "resize_ms", "first_ms", "kernels")),
            str(one.settings.get("compiled_ms", "-")),
        )
        for one in contestants
        if one.settings.get("compute")
    ]
    if cells:
        parts = ("create", "compile and tune", "first run", "kernels", "without kept ones")
        columns = ("", "operators", "precision", *parts)
        print_table(columns, cells, title="GPU; milliseconds before the first picture")


def ratio_text(ratio: Ratio) -> str:
    """Write a ratio with its interval."""
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def print_changes(changes: Sequence[Change]) -> None:
    """Print what changed between two results."""
    rows = [
        (one.name, one.phase, f"{one.before_ms:.2f}", f"{one.after_ms:.2f}", ratio_text(one.ratio), one.verdict)
        for one in changes
    ]
    print_table(("", "phase", "before ms", "after ms", "after / before, 95 %", ""), rows)


def print_grid(result: BenchResult) -> None:
    """Print Figures 11 and 12 in shape: time and memory over sizes and threads, with Table 6's operations beside."""
    peak = "peak RSS" if result.phone else "peak USS"
    columns = ("size", "threads", "", "precision", "heads", "groups", "total ms", "FPS", peak, "GFLOPs, Table 6")
    cells = []
    for row in sorted(contestant_figures(result), key=lambda row: row.measured.contestant_group):
        one, operations = row.measured, paper_gflops(row.measured)
        about = (one.size, str(one.threads), one.name, one.precision, one.layout, str(one.groups))
        figures = (f"{row.total.median:.2f}", f"{row.fps:.1f}" if row.fps else "-", f"{one.memory.peak:.0f}")
        cells.append((*about, *figures, f"{operations:.3f}" if operations else "-"))
    title = "Over sizes and threads (the paper counts the dense network in GFLOPs)"
    print_table(columns, cells, title=title)
    for name, saved in savings(result):
        say(
            f"{name}: {saved.time:.0%} less time and {saved.memory:.0%} less memory;"
            f" the paper states {CLAIM_TIME:.0%} and {CLAIM_MEMORY:.0%} at 256x256 on its phone"
        )


def print_paper(result: BenchResult) -> None:
    """Print the paper's times beside ours, as another machine's."""
    where = "this machine" if result.phone is None else standing(result.phone)
    cells = [(f"paper: {name}", MACHINE, f"{value:.2f}", f"{1000 / value:.1f}") for name, value in TOTALS_MS.items()]
    cells += [
        (
            row.measured.name,
            f"{where}, {_threads(row)}",
            f"{row.total.median:.2f}",
            f"{row.fps:.1f}",
        )
        for row in contestant_figures(result)
        if row.fps and row.measured.size == PAPER_SIZE
    ]
    print_table(("", "where", "total ms", "FPS"), cells, title=f"The paper's times (Table 2, {PAPER_SIZE}) and ours")
    if result.phone is None:
        say("the paper's phone and this computer are different machines: these times cannot be divided by each other")
    else:
        say("the paper used MNN 1.0.2 and weights that were never published: read its times as a band, not as a rival")


def _threads(row: ContestantFigures) -> str:
    threads = row.measured.threads
    return f"{threads} thread{'s' if threads > 1 else ''}" if threads else "GPU"
