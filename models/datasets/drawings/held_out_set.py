"""Pictures that a training does not see: drawings of another seed, in DeepFashion2's format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deepmark.errors import DataError
from deepmark.files import whole_folder
from deepmark.models.datasets.drawings.dataset import write_dataset

SEED = 900_001
RECORD = "drawn.json"  # beside image/ and annos/; readers of the data set do not look at it


@dataclass(frozen=True, slots=True)
class DrawnSet:
    """What `deepmark synth` was, or would have been, asked for.

    Attributes:
        seed: seed of the drawings.
        size: side of the drawings, in pixels.
        count: number of drawings.
        mixed: whether they have the shapes of `mixed_size` by turns, with ``size`` for the longer side.
    """

    seed: int
    size: int
    count: int
    mixed: bool = False

    def __str__(self) -> str:
        """Say what they are."""
        shapes = " in mixed shapes" if self.mixed else ""
        return f"{self.count} drawings of seed {self.seed} and size {self.size}{shapes}"


def held_out_seed(trained: int) -> int:
    """Give the seed to validate on: the same for all trainings, but for one that draws with it."""
    return SEED + 1 if trained == SEED else SEED


def draw_held_out(folder: Path, drawn: DrawnSet, *, workers: int, advance: Callable[[], None] = lambda: None) -> None:
    """Draw a set into a folder, unless it is there; the folder appears when it is complete.

    Args:
        folder: folder of the set.
        drawn: set to draw.
        workers: number of processes that draw; the drawings do not depend on it.
        advance: function called after every drawing.

    Raises:
        DataError: other drawings are there, or the folder cannot be written.
    """
    if folder.exists():
        _require_same(folder, drawn)
        return
    with whole_folder(folder, explain=_cannot_keep) as hidden:
        write_dataset(
            hidden,
            count=drawn.count,
            seed=drawn.seed,
            size=drawn.size,
            mixed=drawn.mixed,
            workers=workers,
            advance=advance,
        )
        (hidden / RECORD).write_bytes(msgspec.json.encode(drawn))


def _cannot_keep(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot keep the drawings in {folder}: {error.strerror}")


def _require_same(folder: Path, drawn: DrawnSet) -> None:
    hint = f"delete {folder}, or take another folder"
    try:
        found = msgspec.json.decode((folder / RECORD).read_bytes(), type=DrawnSet)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{folder} is there, but no set of drawings for validation: {error}", hint=hint) from error
    if found != drawn:
        raise DataError(f"{folder} holds {found}, not {drawn}", hint=hint)
