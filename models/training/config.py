"""What decides a training's result: everything that a resumed run must have in common with the one it goes on with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from deepmark.errors import DataError, UsageError
from deepmark.models.training.optimisation_config import OptimisationConfig, as_typed
from deepmark.runtime.input_fit import Fit

if TYPE_CHECKING:
    from deepmark.models.recognition.deformed import MaskFactor

MAX_SIDE = 2048  # pixels of an input's side: a step at that size takes about 64 times the memory of one at 256
RUN_OPTIONS = "config.toml"  # in the folder of a run: the options that it was begun with
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(OptimisationConfig):
    """A training, in plain numbers and words: it is stored in every checkpoint.

    Attributes:
        arch: network to train, a name of `deepmark.models.recognition.architectures.ARCHITECTURES`.
        size: side of the network's input, in pixels, a multiple of what the network asks for; that of the validation.
        sizes: sides of the input, in pixels, of which each step has one by chance; None for always ``size``.
        fit: ``"square"`` to show every picture in a square, ``"rect"`` in an input of its own shape, whose longer side
            has the size. A checkpoint from before the choice was trained in squares.
        init: path of a checkpoint to start from; None to start fresh.
        dcn_mask: factor of the mask of ``init`` where that is of variant H (`load_checkpoint`); None for every other.
        precision: precision of the convolutions, ``"fp32"`` or ``"bf16"`` (autocast: weights, losses and statistics
            stay float32).
    """

    WHAT: ClassVar[str] = "a training"

    arch: str = "mdla34"
    size: int = 128
    sizes: tuple[int, ...] | None = None
    fit: Fit = "square"
    lr: float = 1e-3
    weight_decay: float = 1e-4
    init: str | None = None
    dcn_mask: MaskFactor | None = None
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            UsageError: names the option, what it must be and what it is.
        """
        from deepmark.models.recognition.architectures import ARCHITECTURES

        near = get_close_matches(self.arch, ARCHITECTURES, n=1)
        hint = f"is {near[0]} meant?" if near else "deepmark inspect CHECKPOINT says which network a file is of"
        self.require("arch", self.arch in ARCHITECTURES, f"one of {', '.join(ARCHITECTURES)}", hint)
        multiple = self.multiple
        self._require_sides("size", (self.size,), f"a multiple of {multiple} up to {MAX_SIDE}")
        if self.sizes is not None:
            self._require_sides("sizes", self.sizes, f"multiples of {multiple} up to {MAX_SIDE}")
            different = dict.fromkeys(self.sizes)
            once = f"for example {as_typed(tuple(different))}"
            self.require("sizes", len(different) == len(self.sizes), "different from each other", once)
        self.require("fit", self.fit in get_args(Fit), "square or rect")
        self.require("precision", self.precision in get_args(Precision), "fp32 or bf16")
        self.require_optimisation()

    def _require_sides(self, name: str, sides: tuple[int, ...], expected: str) -> None:
        multiple = self.multiple
        near = ",".join(str(min(max(round(side / multiple), 1) * multiple, MAX_SIDE)) for side in sides)
        holds = all(0 < side <= MAX_SIDE and side % multiple == 0 for side in sides)
        self.require(name, holds, expected, hint=f"for example {near}")

    @property
    def multiple(self) -> int:
        """Number of pixels that height and width of the network's input must be multiples of."""
        from deepmark.models.recognition.architectures import ARCHITECTURES

        return ARCHITECTURES[self.arch].multiple

    @property
    def trained_sizes(self) -> tuple[int, ...]:
        """Longer sides of the network's input, in pixels, of which each step has one."""
        return (self.size,) if self.sizes is None else self.sizes


def check_same(stored: TrainConfig, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a training under another configuration.

    Args:
        stored: configuration that the training began with.
        asked: options that are asked for now, by name.

    Raises:
        UsageError: lists every difference.
    """
    before = stored.document()
    differences = [
        f"{name} {as_typed(before[name])}, not {as_typed(value)}"
        for name, value in asked.items()
        if before[name] != value
    ]
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
