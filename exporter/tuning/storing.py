"""What was found, into the bundle."""

from __future__ import annotations

from pathlib import Path

from deepmark import __version__
from deepmark.exporter.tuning.bundle_parameters import retune
from deepmark.exporter.tuning.parameter_search import TuneReport
from deepmark.runtime.engines.engine import EngineRecord
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.provenance import Tuning


def store_parameters(bundle: Path, report: TuneReport, record: EngineRecord) -> Manifest:
    """Put found parameters into a bundle, with where they come from; see `retune`.

    Args:
        bundle: folder or zip.
        report: of the search.
        record: what gave the heads that were searched on.
    """
    points, boxes = report.over_start.points, report.over_start.boxes
    tuning = Tuning(
        by=f"deepmark {__version__}",
        backend=record.backend,
        annotations_sha256=report.truth_sha256,
        searched=report.searched.pictures,
        checked=report.checked.pictures,
        before=report.start,
        map_pt=(points.before, points.after),
        map_pt_gain=(points.low, points.high),
        map_box=(boxes.before, boxes.after),
    )
    return retune(bundle, report.found, tuning)
