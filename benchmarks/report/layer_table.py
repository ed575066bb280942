"""Where a network's time goes, on the terminal."""

from __future__ import annotations

from deepmark.benchmarks.speed.layer_profile import LayerProfile
from deepmark.console import print_table, say

LEAST_SHARE = 0.002  # of the whole time; operators below it are one row


def print_layers(profile: LayerProfile) -> None:
    """Print a profile, slowest operator first."""
    size = f"{profile.size[0]}x{profile.size[1]}"
    threads = f"{profile.threads} thread{'s' if profile.threads > 1 else ''}"
    say(f"{profile.name}: {profile.engine} {profile.version}, {size}, {threads}, {profile.runs} runs")
    shown = [one for one in profile.layers if one.ms >= LEAST_SHARE * profile.total_ms]
    rows = [
        (
            one.name,
            one.operator,
            "x".join(map(str, one.shape)),
            f"{one.ms:.3f}",
            f"{one.ms / profile.total_ms:.1%}",
            "" if one.multiply_adds is None else f"{one.multiply_adds:.1f}",
            "" if one.rate is None else f"{one.rate:.1f}",
        )
        for one in shown
    ]
    if rest := profile.layers[len(shown) :]:
        ms = sum(one.ms for one in rest)
        counted = sum(one.multiply_adds or 0 for one in rest)
        rows.append((f"{len(rest)} more", "", "", f"{ms:.3f}", f"{ms / profile.total_ms:.1%}", f"{counted:.1f}", ""))
    rate = profile.multiply_adds / profile.total_ms
    total = (f"{profile.total_ms:.3f}", "100.0%", f"{profile.multiply_adds:.1f}", f"{rate:.1f}")
    rows.append(("total", f"{len(profile.layers)} operators", "", *total))
    columns = ("layer", "operator", "output", "ms", "share", "million MAC", "GMAC/s")
    print_table(columns, rows, title="Layers, slowest first; MAC: multiply-add")
