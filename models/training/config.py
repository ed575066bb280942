"""What decides a training's result: everything that a resumed run must have in common with the one it goes on with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from deepmark.errors import DataError, UsageError
from deepmark.runtime.keypoints.schema import KeypointSchema

if TYPE_CHECKING:
    from deepmark.models.recognition.deformed import MaskFactor

RUN_OPTIONS = "config.toml"  # in the folder of a run: the options that it was begun with
Precision = Literal["fp32", "bf16"]
BUILTIN: dict[str, Literal[62, 81, 294]] = {"62": 62, "81": 81, "294": 294}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """A training, in plain numbers and words: it is stored in every checkpoint.

    Attributes:
        schema: ``"62"``, ``"81"`` or ``"294"`` groups of DeepFashion2's landmarks, or a CSV file with another grouping.
        arch: network to train, a name of `deepmark.models.recognition.architectures.ARCHITECTURES`.
        size: side of the network's input, in pixels, a multiple of what the network asks for.
        batch: number of pictures a step, of all processes together.
        steps: number of steps of the whole training; the learning rate reaches 0 at its end.
        lr: highest learning rate.
        weight_decay: decay of convolution weights; normalisation and biases have none.
        clip: largest norm of a step's gradient.
        ema: decay of the average of the weights, which is what is exported.
        augment: strength of zoom, shift and colour changes: 1 is CenterNet's, 0 none; mirrored are half in any case.
        seed: seed of the fresh weights, the order of the pictures and their augmentation.
        data: path of a data set in DeepFashion2's format, folder or zip; None to train on drawings.
        password_file: path of a file that holds the zip's password; None where it has none.
        skip_bad: whether pictures that something is wrong with are left out, instead of refusing the data set.
        pictures: number of drawings; each is seen again and again, otherwise augmented.
        drawn: seed of the drawings.
        init: path of a checkpoint to start from; None to start fresh.
        dcn_mask: factor of the mask of ``init`` where that is of variant H (`load_checkpoint`); None for every other.
        precision: precision of the convolutions, ``"fp32"`` or ``"bf16"`` (autocast: weights, losses and statistics
            stay float32).
    """

    schema: str = "62"
    arch: str = "mdla34"
    size: int = 128
    batch: int = 16
    steps: int = 2500
    lr: float = 1e-3
    weight_decay: float = 1e-4
    clip: float = 10.0
    ema: float = 0.999
    augment: float = 1.0
    seed: int = 0
    data: str | None = None
    password_file: str | None = None
    skip_bad: bool = False
    pictures: int = 2000
    drawn: int = 1
    init: str | None = None
    dcn_mask: MaskFactor | None = None
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            UsageError: names the option, what it must be and what it is.
        """
        from deepmark.models.recognition.architectures import ARCHITECTURES

        self._require("arch", self.arch in ARCHITECTURES, f"one of {', '.join(ARCHITECTURES)}")
        multiple = ARCHITECTURES[self.arch].multiple
        self._require("size", self.size > 0 and self.size % multiple == 0, f"a multiple of {multiple}")
        for name in ("batch", "steps", "pictures"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("lr", "clip"):
            self._require(name, 0 < getattr(self, name) < float("inf"), "finite and above 0")
        self._require("precision", self.precision in get_args(Precision), "fp32 or bf16")
        self._require("weight_decay", 0 <= self.weight_decay < 1, "in [0, 1)")
        self._require("augment", 0 <= self.augment <= 1, "in [0, 1]")
        self._require("ema", 0 <= self.ema < 1, "in [0, 1)")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise UsageError(f"{name} of a training must be {expected}, found {getattr(self, name)}")

    def load_schema(self) -> KeypointSchema:
        """Return the keypoint schema.

        Raises:
            DataError: the CSV cannot be read, or groups the landmarks of other classes than DeepFashion2's.
        """
        return load_training_schema(self.schema)

    def document(self) -> dict[str, Any]:
        """Return the configuration as plain values by name."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TrainConfig:
        """Restore what `document` gave."""
        return cls(**{field.name: document[field.name] for field in fields(cls) if field.name in document})


def load_training_schema(name: str) -> KeypointSchema:
    """Return the keypoint schema of a training on DeepFashion2's classes.

    Args:
        name: key of `BUILTIN`, or path of a CSV file.

    Raises:
        DataError: the CSV cannot be read, or groups the landmarks of other classes than DeepFashion2's.
    """
    if name in BUILTIN:
        return KeypointSchema.deepfashion2(BUILTIN[name])
    schema = KeypointSchema.from_csv(name)
    expected = [len(groups) for groups in KeypointSchema.deepfashion2().groups]
    found = [len(groups) for groups in schema.groups]
    if found != expected:
        raise DataError(
            f"{name} has classes with {found} landmarks, but the pictures have DeepFashion2's, {expected}",
            hint="a schema for training may group the landmarks otherwise, not change them",
        )
    return schema


def check_same(stored: TrainConfig, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a training under another configuration.

    Args:
        stored: configuration that the training began with.
        asked: options that are asked for now, by name.

    Raises:
        UsageError: lists every difference.
    """
    before = stored.document()
    differences = [f"{name} {before[name]}, not {value}" for name, value in asked.items() if before[name] != value]
    if differences:
        raise UsageError(
            f"the training to resume has {'; '.join(differences)}",
            hint="resume it as it began (nothing but its folder is needed), or start another with -o and --init",
        )


def read_options(path: Path) -> dict[str, Any]:
    """Read options of a training by the names that they have on the command line.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise UsageError(f"{path} is no TOML: {error}") from error
