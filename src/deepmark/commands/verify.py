"""``deepmark verify``: a bundle proven on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from deepmark.commands.options import PATH, output_options, tolerance_options, tolerances_of
from deepmark.console import print_json, say
from deepmark.errors import UsageError
from deepmark.files import printable

EPILOG = """\b
Examples:
  deepmark verify shirt.deepmark
  deepmark verify shirt.deepmark.zip --threads 1 --json
"""


@click.command("verify", epilog=EPILOG)
@click.argument("bundle", type=PATH)
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: all cores, at most 4]")
@tolerance_options
@click.option("--native", is_flag=True, help="Use the C++ runtime, built on this machine, and only it.")
@output_options
def command(
    bundle: Path,
    threads: int | None,
    atol: float | None,
    rtol: float | None,
    landmark_tolerance: float | None,
    native: bool,
    as_json: bool,
) -> None:
    """Prove BUNDLE on this machine: check its files, run its golden vectors with every engine that is here.

    What the engines give is held against what the network gave when the bundle was made. MNN's fast convolutions round
    otherwise with other threads and on another processor: without tolerances of yours it gets room for that.

    Exit status: 0 equal, 1 the bundle is damaged or no engine is here, 3 the results differ.
    """
    from deepmark.exporter.tables import print_report
    from deepmark.exporter.verification import verify

    given = {atol, rtol, landmark_tolerance} != {None}
    if native:
        if given:
            raise UsageError(
                "the C++ runtime has its own tolerances", hint="leave out --atol and the like with --native"
            )
        _verify_native(bundle, threads, as_json=as_json)
        return
    tolerances = tolerances_of(atol, rtol, landmark_tolerance) if given else None
    found = verify(bundle, threads=threads, tolerances=tolerances)
    for engine in found.skipped:
        say(f"skipped {engine}: not installed here")
    if as_json:
        facts = {"bundle": printable(bundle), "engines": found.engines, "skipped": found.skipped}
        verdict = {"passed": found.report.passed, "parity": found.report.hops}
        print_json({**verdict, **facts, "vector_threads": found.vector_threads})
    else:
        print_report(found.report)
        ran = ", ".join(f"{one.backend} with {one.threads}" for one in found.engines)
        say(f"threads: the vectors were made with {found.vector_threads}, here {ran}")
    found.report.require(hint="compare versions with the manifest's; export again if this machine's are wanted")


def _verify_native(bundle: Path, threads: int | None, *, as_json: bool) -> None:
    from deepmark.exporter.verification import verify_native

    lines = verify_native(bundle, threads=threads)
    if as_json:
        print_json(lines)
        return
    for line in lines[:-1]:
        objects = line["objects"]
        ties = f", near ties: {objects['near_ties']}" if objects["near_ties"] else ""
        say(f"vector {line['number']}: equal, {objects['matched']} of {objects['expected']} objects{ties}")
    say(f"C++ runtime, MNN {lines[-1]['mnn_version']}: equal")
