"""Export, cold start and evaluation, as commands of their own, against the same commands of another commit."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.studies.claims.claim import Claim
from deepmark.benchmarks.studies.support.commit_tree import SourceTree, tree_here
from deepmark.benchmarks.studies.support.process_costs import (
    CostRatios,
    ProcessCost,
    cost_of,
    cost_ratios,
    costs_in_turns,
)
from deepmark.console import say

GOALS = {"export": "<= 0.50", "detect": "<= 0.60", "eval": "<= 0.77"}  # the last: 1.3 times the pictures a second
DRAWN = 96  # pictures to evaluate on
TALL = "512x384"  # their height and width
SEED = 9


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What to run.

    Attributes:
        checkpoint: checkpoint to export.
        pictures: folder of pictures; detected in is the first one, by name.
        size: side of the input, in pixels.
        rounds: rounds of each command.
    """

    checkpoint: Path
    pictures: Path
    size: int
    rounds: int


def against(before: SourceTree, request: CommandRequest) -> tuple[list[Claim], str]:
    """Run each command here and as it was, in turns.

    Args:
        before: the project as it was.
        request: what to run.

    Returns:
        The rows, now divided by then; and a sentence on how the machine drifted meanwhile.

    Raises:
        DeepMarkError: a command failed.
    """
    rows, drifts = [], {}
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        for name, ways in _commands(request, Path(folder), (tree_here(), before)).items():
            say(f"{name}: now and at {before.name} in turns")
            found = cost_ratios(costs_in_turns(ways, request.rounds))
            rows += _rows(name, before.name, found)
            drifts[name] = found.drift
    worst = ", ".join(f"{name} {drift:.0%}" for name, drift in drifts.items())
    return rows, f"from its fastest to its slowest run {before.name} itself differed by: {worst}"


def _rows(name: str, commit: str, found: CostRatios) -> list[Claim]:
    words = {"export": "deepmark export", "detect": "deepmark detect, one picture", "eval": "deepmark eval, 3:4"}[name]
    what = f"{words}: now / {commit}"
    return [
        Claim.of(what, found.wall, GOALS[name], processor=found.processor.value),
        Claim(f"{what}: memory", found.memory),
    ]


def _commands(
    request: CommandRequest, folder: Path, trees: tuple[SourceTree, SourceTree]
) -> dict[str, list[Callable[[], ProcessCost]]]:
    """Prepare what the commands need; return them by name, here and as they were."""
    bundles = {}
    for tree in trees:
        # Each tree detects with a bundle of its own: one may write what the other does not know.
        _export(request, tree, folder / tree.name, folder / tree.name / "cache")
        bundles[tree.name] = folder / tree.name / "model.deepmark"
    drawn, picture = folder / "drawn", min(one for one in request.pictures.iterdir() if not one.name.startswith("."))
    here = trees[0]
    cost_of(_words("synth", drawn, "--count", DRAWN, "--seed", SEED, "--size", TALL), here.environment())

    def export(tree: SourceTree) -> ProcessCost:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:  # a model that nobody knows yet, as of a new checkpoint
            return _export(request, tree, Path(fresh), Path(fresh) / "cache")

    def detect(tree: SourceTree) -> ProcessCost:
        words = _words("detect", bundles[tree.name], picture, "-o", folder / tree.name / "found", "--quiet")
        return cost_of(words, tree.environment(DEEPMARK_CACHE=str(folder / tree.name / "cache")))

    def evaluate(tree: SourceTree) -> ProcessCost:
        cache = folder / tree.name / "cache"
        shutil.rmtree(cache / "heads", ignore_errors=True)
        fit = ["--fit", "rect"] if tree is here else []
        words = _words("eval", bundles[tree.name], "--images", drawn, "--annotations", drawn, *fit, "--quiet")
        return cost_of(words, tree.environment(DEEPMARK_CACHE=str(cache)))

    def both(run: Callable[[SourceTree], ProcessCost]) -> list[Callable[[], ProcessCost]]:
        return [lambda tree=tree: run(tree) for tree in trees]  # type: ignore[misc]

    return {"export": both(export), "detect": both(detect), "eval": both(evaluate)}


def _export(request: CommandRequest, tree: SourceTree, output: Path, cache: Path) -> ProcessCost:
    words = _words("export", request.checkpoint.resolve(), "--to", "mnn", "--size", request.size, "--name", "model")
    return cost_of([*words, "-o", str(output), "--quiet"], tree.environment(DEEPMARK_CACHE=str(cache)))


def _words(*words: object) -> list[str]:
    return [sys.executable, "-P", "-m", "deepmark", *map(str, words)]
