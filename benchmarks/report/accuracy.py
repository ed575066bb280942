"""Accuracies measured elsewhere (``deepmark eval --json``), to set against the times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deepmark.benchmarks.result.document import ContestantResult
from deepmark.errors import DataError


class _Engine(msgspec.Struct, frozen=True):
    model_sha256: str


class _Document(msgspec.Struct, frozen=True):
    """What is read of the output; the rest of it is left alone."""

    evaluated: str
    mAP_pt: float | None  # noqa: N815  the document's own name
    mAP_box: float | None  # noqa: N815
    engine: _Engine


@dataclass(frozen=True, slots=True)
class ModelAccuracy:
    """Accuracy of a model.

    Attributes:
        evaluated: what was evaluated, in a sentence.
        sha256: hash of the model's file, hex.
        map_pt: mAP of the landmarks, in [0, 1]; None where nothing was to be found.
        map_box: mAP of the boxes, in [0, 1]; None where nothing was to be found.
    """

    evaluated: str
    sha256: str
    map_pt: float | None
    map_box: float | None


def read_accuracies(paths: Iterable[Path]) -> list[ModelAccuracy]:
    """Read outputs of ``deepmark eval MODEL --json``.

    Raises:
        DataError: a file cannot be read, or is no such output of an exported model.
    """
    found = []
    for path in paths:
        try:
            one = msgspec.json.decode(path.read_bytes(), type=_Document)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path} is no output of deepmark eval MODEL --json: {getattr(error, 'strerror', None) or error}",
                hint="deepmark eval MODEL --images DIR --annotations DIR --json > FILE.json",
            ) from error
        found.append(ModelAccuracy(one.evaluated, one.engine.model_sha256, one.mAP_pt, one.mAP_box))
    return found


def accuracy_of(one: ContestantResult, accuracies: Sequence[ModelAccuracy]) -> ModelAccuracy | None:
    """Return the accuracy of what was measured, found by its file's hash."""
    return next((found for found in accuracies if found.sha256 == one.sha256), None)
