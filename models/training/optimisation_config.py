"""What every training decides alike, of a detector or of a refiner: its pictures and its optimisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from deepmark.errors import DataError, UsageError
from deepmark.models.datasets.deepfashion2.storage import read_password
from deepmark.runtime.keypoints.schema import KeypointSchema

BUILTIN: dict[str, Literal[62, 81, 294]] = {"62": 62, "81": 81, "294": 294}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimisationConfig:
    """The part of a training's configuration that does not depend on the network; without defaults what depends on it.

    Attributes:
        WHAT: what is configured, for messages.
        schema: ``"62"``, ``"81"`` or ``"294"`` groups of DeepFashion2's landmarks, or a CSV file with another grouping.
        batch: number of samples a step: pictures of all processes together, or a refiner's objects.
        steps: number of steps of the whole training; the learning rate reaches 0 at its end.
        lr: highest learning rate.
        weight_decay: decay of convolution weights; normalisation and biases have none.
        clip: largest norm of a step's gradient.
        ema: decay of the average of the weights, which is what is exported.
        augment: strength of augmentation: 1 is that of the method's authors, 0 none; mirrored are half in any case.
        seed: seed of the fresh weights, the order of the pictures, and everything that is drawn by chance.
        data: path of a data set in DeepFashion2's format, folder or zip; None to train on drawings.
        password_file: path of a file that holds the zip's password; None where it has none.
        skip_bad: whether pictures that something is wrong with are left out, instead of refusing the data set.
        pictures: number of drawings; each is seen again and again, otherwise augmented.
        drawn: seed of the drawings.
    """

    WHAT: ClassVar[str]

    schema: str = "62"
    batch: int = 16
    steps: int = 2500
    lr: float
    weight_decay: float
    clip: float = 10.0
    ema: float = 0.999
    augment: float = 1.0
    seed: int = 0
    data: str | None = None
    password_file: str | None = None
    skip_bad: bool = False
    pictures: int = 2000
    drawn: int = 1

    def require_optimisation(self) -> None:
        """Refuse what no training can do.

        Raises:
            UsageError: names the option, what it must be and what it is.
        """
        for name in ("batch", "steps", "pictures"):
            self.require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("lr", "clip"):
            self.require(name, 0 < getattr(self, name) < float("inf"), "finite and above 0")
        self.require("weight_decay", 0 <= self.weight_decay < 1, "in [0, 1)")
        self.require("augment", 0 <= self.augment <= 1, "in [0, 1]")
        self.require("ema", 0 <= self.ema < 1, "in [0, 1)")

    def require(self, name: str, holds: bool, expected: str, hint: str | None = None) -> None:
        """Refuse the option ``name`` unless ``holds``.

        Raises:
            UsageError: names the option, what it must be (``expected``) and what it is; the hint, unless there is a
                better one, is the value of those who do not care.
        """
        if not holds:
            default = next(one.default for one in fields(self) if one.name == name)
            raise UsageError(
                f"{name} of {self.WHAT} must be {expected}, found {as_typed(getattr(self, name))}",
                hint=hint or f"without it, it is {as_typed(default)}",
            )

    def load_schema(self) -> KeypointSchema:
        """Return the keypoint schema.

        Raises:
            DataError: the CSV cannot be read, or groups the landmarks of other classes than DeepFashion2's.
        """
        if self.schema in BUILTIN:
            return KeypointSchema.deepfashion2(BUILTIN[self.schema])
        schema = KeypointSchema.from_csv(self.schema)
        expected = [len(groups) for groups in KeypointSchema.deepfashion2().groups]
        found = [len(groups) for groups in schema.groups]
        if found != expected:
            raise DataError(
                f"{self.schema} has classes with {found} landmarks, but the pictures have DeepFashion2's, {expected}",
                hint="a schema for training may group the landmarks otherwise, not change them",
            )
        return schema

    def read_password(self) -> bytes | None:
        """Return the zip's password; None where it has none.

        Raises:
            DataError: its file cannot be read, or its first line is empty.
        """
        return read_password(Path(self.password_file)) if self.password_file else None

    def document(self) -> dict[str, Any]:
        """Return the configuration as plain values by name."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Restore what `document` gave."""
        return cls(**{field.name: document[field.name] for field in fields(cls) if field.name in document})


def as_typed(value: object) -> object:
    """Return an option's value as it is typed on the command line: several numbers with commas."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else value
