"""What decides the training of a refiner: it is stored in every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from deepmark.errors import UsageError
from deepmark.models.training.config import load_training_schema
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.refinement.refiner_manifest import MAX_SIDE, MULTIPLE

BACKBONES = ("resnet18", "resnet50", "resnet101", "resnet152", "slim")
ALL = "all"  # classes together, by the schema's groups
_SIGMAS = {384: 9.0, 256: 7.0}  # PoseFix's, by the input's height


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerConfig:
    """A training, in plain numbers and words.

    Attributes:
        schema: ``"62"``, ``"81"`` or ``"294"`` groups of DeepFashion2's landmarks, or a CSV file with another grouping.
        classes: ``"all"`` for one network with the schema's groups as channels, or the name of one class: the paper's
            way, a network a class.
        backbone: name of the network, one of `BACKBONES`.
        height: height of the input in pixels, a multiple of 32.
        width: width of the input in pixels, a multiple of 32.
        batch: number of objects a step.
        steps: number of steps of the whole training; the learning rate reaches 0 at its end.
        lr: highest learning rate.
        weight_decay: decay of convolution weights.
        clip: largest norm of a step's gradient.
        ema: decay of the average of the weights, which is what is exported.
        augment: strength of turning and scaling: 1 is PoseFix's, 0 none; mirrored are half in any case.
        seed: seed of the fresh weights, the order of the pictures, and everything that is drawn by chance.
        data: path of a data set in DeepFashion2's format, folder or zip; None to train on drawings.
        password_file: path of a file that holds the zip's password; None where it has none.
        skip_bad: whether pictures that something is wrong with are left out.
        pictures: number of drawings.
        drawn: seed of the drawings.
        drawn_size: side of the drawings in pixels.
    """

    schema: str = "62"
    classes: str = ALL
    backbone: str = "resnet50"
    height: int = 256
    width: int = 192
    batch: int = 16
    steps: int = 2500
    lr: float = 5e-4
    weight_decay: float = 1e-5
    clip: float = 10.0
    ema: float = 0.999
    augment: float = 1.0
    seed: int = 0
    data: str | None = None
    password_file: str | None = None
    skip_bad: bool = False
    pictures: int = 2000
    drawn: int = 1
    drawn_size: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            UsageError: names the option, what it must be and what it is.
        """
        for name in ("height", "width"):
            side = getattr(self, name)
            self._require(name, MULTIPLE <= side <= MAX_SIDE and side % MULTIPLE == 0, "a multiple of 32 up to 1024")
        self._require("backbone", self.backbone in BACKBONES, f"one of {', '.join(BACKBONES)}")
        for name in ("batch", "steps", "pictures", "drawn_size"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("lr", "clip"):
            self._require(name, 0 < getattr(self, name) < float("inf"), "finite and above 0")
        self._require("weight_decay", 0 <= self.weight_decay < 1, "in [0, 1)")
        self._require("augment", 0 <= self.augment <= 1, "in [0, 1]")
        self._require("ema", 0 <= self.ema < 1, "in [0, 1)")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise UsageError(f"{name} of a refiner's training must be {expected}, found {getattr(self, name)}")

    @property
    def sigma(self) -> float:
        """Width of the Gaussians in input pixels: PoseFix's at its heights, in between and beyond in proportion."""
        return _SIGMAS.get(self.height, _SIGMAS[256] * self.height / 256)

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return self.height, self.width

    def load_schema(self) -> KeypointSchema:
        """Return the keypoint schema.

        Raises:
            DataError: the CSV cannot be read, or has other classes than DeepFashion2's.
        """
        return load_training_schema(self.schema)

    def channels(self, schema: KeypointSchema) -> tuple[tuple[int, ...], ...]:
        """Return for each class the channel of each landmark, empty for a class that is not trained.

        Raises:
            UsageError: the schema has no class of that name.
        """
        if self.classes == ALL:
            return schema.groups
        if self.classes not in schema.class_names:
            raise UsageError(
                f"the schema {schema.name} has no class {self.classes!r}",
                hint=f"choose {ALL}, or one of {', '.join(schema.class_names)}",
            )
        return tuple(tuple(range(len(one.groups))) if one.name == self.classes else () for one in schema.classes)

    def document(self) -> dict[str, Any]:
        """Return the configuration as plain values by name."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RefinerConfig:
        """Restore what `document` gave."""
        return cls(**{field.name: document[field.name] for field in fields(cls) if field.name in document})
