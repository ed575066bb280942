"""``deepmark export``: the command of `deepmark.exporter`, given the metric of `deepmark.benchmarks`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepmark.commands.export import export as _export
from deepmark.console import run

if TYPE_CHECKING:
    from deepmark.models.evaluation.drawn_accuracy import Accuracy
    from deepmark.runtime.engines import Engine

PICTURES = 500


@dataclass(frozen=True, slots=True)
class _Meter:
    """`deepmark.models.evaluation.drawn_accuracy.DrawnAccuracy`, imported when it is first used."""

    pictures: int = PICTURES

    def __call__(self, engines: Sequence[Engine], on_progress: Callable[[str], None]) -> Sequence[Accuracy]:
        from deepmark.models.evaluation.drawn_accuracy import DrawnAccuracy

        return DrawnAccuracy(self.pictures)(engines, on_progress)


export = copy.copy(_export)
export.context_settings = {**_export.context_settings, "obj": _Meter()}


def main() -> None:
    """Run ``deepmark-export``."""
    run(export, "deepmark-export")
