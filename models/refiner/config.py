"""What decides the training of a refiner: it is stored in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deepmark.errors import UsageError
from deepmark.models.training.optimisation_config import OptimisationConfig
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.refinement.refiner_manifest import MAX_SIDE, MULTIPLE

BACKBONES = ("resnet18", "resnet50", "resnet101", "resnet152", "slim")
ALL = "all"  # classes together, by the schema's groups
_SIGMAS = {384: 9.0, 256: 7.0}  # PoseFix's, by the input's height


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerConfig(OptimisationConfig):
    """A training, in plain numbers and words.

    Attributes:
        classes: ``"all"`` for one network with the schema's groups as channels, or the name of one class: the paper's
            way, a network a class.
        backbone: name of the network, one of `BACKBONES`.
        height: height of the input in pixels, a multiple of 32.
        width: width of the input in pixels, a multiple of 32.
        drawn_size: side of the drawings in pixels.
    """

    WHAT: ClassVar[str] = "a refiner's training"

    classes: str = ALL
    backbone: str = "resnet50"
    height: int = 256
    width: int = 192
    lr: float = 5e-4
    weight_decay: float = 1e-5
    drawn_size: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            UsageError: names the option, what it must be and what it is.
        """
        for name in ("height", "width"):
            side = getattr(self, name)
            self.require(name, MULTIPLE <= side <= MAX_SIDE and side % MULTIPLE == 0, "a multiple of 32 up to 1024")
        self.require("backbone", self.backbone in BACKBONES, f"one of {', '.join(BACKBONES)}")
        self.require("drawn_size", self.drawn_size >= 1, "1 or more")
        self.require_optimisation()

    @property
    def sigma(self) -> float:
        """Width of the Gaussians in input pixels: PoseFix's at its heights, in between and beyond in proportion."""
        return _SIGMAS.get(self.height, _SIGMAS[256] * self.height / 256)

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return self.height, self.width

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
