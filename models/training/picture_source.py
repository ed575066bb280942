"""The pictures of a run: its data set is opened, or its drawings are made; and what is said meanwhile."""

from __future__ import annotations

from pathlib import Path

from deepmark.console import progress, say
from deepmark.models.training.optimisation_config import OptimisationConfig
from deepmark.models.training.pictures import Photographs, TrainingPictures, draw_pictures


def open_pictures(
    config: OptimisationConfig, folder: Path, *, size: int, workers: int, mixed: bool = False
) -> TrainingPictures:
    """Open the data set of a training, or make the drawings that its run does not have yet.

    Args:
        config: configuration of the training.
        folder: folder of the run, where drawings are kept.
        size: side of the drawings, in pixels.
        workers: number of processes that draw.
        mixed: whether drawings have mixed shapes, with ``size`` for the longer side.

    Raises:
        DataError: the data set cannot be opened or has faults, or the drawings cannot be kept.
    """
    if config.data is not None:
        password = config.read_password()
        with progress("reading labels", None, "pictures") as advance:
            found = Photographs(Path(config.data), password=password, skip_bad=config.skip_bad, advance=advance)
        if found.faults:
            say(f"{len(found.faults):,} faults, whose pictures are left out; the first: {found.faults[0]}")
        return found
    with progress("drawing", config.pictures, "pictures") as advance:
        return draw_pictures(
            folder / "drawings",
            seed=config.drawn,
            size=size,
            count=config.pictures,
            workers=workers,
            mixed=mixed,
            advance=advance,
        )
