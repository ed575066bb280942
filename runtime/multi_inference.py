"""How often, and how, a network looks at one picture (paper, section 4.2.1: multi-inference; CenterNet's test options).

The flip test averages the heads of a picture and of its mirror image. The multi-scale test shows the picture at several
scales, and merges what is found. Both cost time and no training. An input of the picture's own shape saves time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Literal

from deepmark.errors import DataError, UsageError
from deepmark.runtime.input_fit import FITS, Fit
from deepmark.runtime.manifest import Manifest

ScalesMode = Literal["fix", "keep"]

LEAST_SCALE, LARGEST_SCALE = 0.1, 4.0
PAPER_SCALES = (0.85, 0.95, 1.0, 1.1)  # .85, .95 and 1.1 "with the original"


@dataclass(frozen=True, slots=True)
class MultiInference:
    """The looks at one picture. The default is a single one.

    Attributes:
        flip: whether each look is the mean of the picture and its mirror image.
        scales: factors of the picture's size, each from `LEAST_SCALE` to `LARGEST_SCALE`, none twice; with several,
            what is found at all of them is merged by suppression.
        scales_mode: ``"fix"``: the network's input keeps its size, and objects in it shrink or grow by the factor;
            ``"keep"``: the picture keeps its pixels at every factor, in an input of the next multiple above them.
        fit: whether the network's input has the picture's shape, see `Fit`; None for what the manifest says.
    """

    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    scales_mode: ScalesMode = "fix"
    fit: Fit | None = None

    def __post_init__(self) -> None:
        """Refuse scales that no picture can have.

        Raises:
            UsageError: names the value and what was expected.
        """
        expected = f"expected numbers from {LEAST_SCALE:g} to {LARGEST_SCALE:g}"
        if not self.scales:
            raise UsageError(f"there are no scales, {expected}", hint=_EXAMPLE)
        for scale in self.scales:
            if not LEAST_SCALE <= scale <= LARGEST_SCALE:  # this way round NaN is refused too
                raise UsageError(f"a scale of {scale:g} is not possible, {expected}", hint=_EXAMPLE)
        if len(set(self.scales)) != len(self.scales):
            raise UsageError("a scale stands twice in the list, and would be looked at twice", hint="leave one out")
        if self.scales_mode not in {"fix", "keep"}:
            raise UsageError(f"the mode of scales must be 'fix' or 'keep', found {self.scales_mode!r}")
        if self.fit not in {None, *FITS}:
            raise UsageError(f"the fit must be 'square' or 'rect', found {self.fit!r}")

    @classmethod
    def of_options(
        cls,
        *,
        flip: bool,
        scales: tuple[float, ...] | None,
        scales_mode: ScalesMode | None,
        fit: Fit | None = None,
    ) -> MultiInference:
        """Make one of a command's options; those that are None were not given."""
        return cls(flip, scales or SINGLE.scales, scales_mode or SINGLE.scales_mode, fit)

    @property
    def is_single(self) -> bool:
        """Whether the network looks once, as its manifest says."""
        return self == SINGLE

    def describe(self) -> str:
        """Say it in words, for example ``rect, flip, scales 0.85, 1 (keep)``; ``single`` for one look."""
        scales = f"scales {', '.join(f'{one:g}' for one in self.scales)} ({self.scales_mode})"
        own = self.scales == (1.0,) and self.scales_mode == "fix"
        fit = [self.fit] if self.fit else []
        return ", ".join([*fit, *(["flip"] if self.flip else []), *([] if own else [scales])]) or "single"

    def for_model(self, manifest: Manifest) -> MultiInference:
        """Return the same with the fit of the manifest where none was asked for; refuse what a model cannot do.

        Raises:
            DataError: a flip without knowledge of which landmark is the mirror of which.
            UsageError: other sizes for a model of one size.
        """
        schema, spec = manifest.keypoints, manifest.input
        if self.flip and schema.num_groups > 1 and not schema.flip_pairs:
            raise DataError(
                f"a flip test must know which landmarks are left and right, but schema {schema.name!r} has"
                f" {schema.num_groups} groups and no pair among them",
                hint="name each landmark's partner in the column swap_global_index, and export again with --schema CSV",
            )
        if self.scales_mode == "keep" and not spec.dynamic:
            raise UsageError(
                f"the mode 'keep' of scales needs inputs of many sizes, but this model takes"
                f" {spec.height}x{spec.width} only",
                hint="--scales-mode fix, or export the model with --dynamic",
            )
        if self.fit == "rect" and not spec.dynamic:
            raise UsageError(
                f"the fit 'rect' needs inputs of many shapes, but this model takes {spec.height}x{spec.width} only",
                hint="--fit square, or export the model without --fixed; --fixed --size HxW makes one of that shape",
            )
        return replace(self, fit=self.fit or spec.fit)


SINGLE = MultiInference()
_EXAMPLE = f"for example --scales {','.join(f'{one:g}' for one in PAPER_SCALES)}"


def listed_scales(scales: object) -> tuple[float, ...]:
    """Return the factors of a sequence of numbers; what a program passes is not checked by anybody before.

    >>> listed_scales([0.85, 1])
    (0.85, 1.0)

    Raises:
        UsageError: it is no such sequence: a single number, a text, or a sequence of other things.
    """
    listed = list(scales) if isinstance(scales, Iterable) and not isinstance(scales, str) else [None]
    numbers = tuple(float(one) for one in listed if not isinstance(one, bool) and isinstance(one, Real))
    if len(numbers) != len(listed):
        raise UsageError(f"scales must be a sequence of numbers, found {scales!r}", hint=f"for example {PAPER_SCALES}")
    return numbers


def parse_scales(text: str) -> tuple[float, ...]:
    """Read factors with commas between them, for example ``.85,.95,1,1.1``.

    Raises:
        UsageError: a part is no number.
    """
    scales = []
    for part in text.split(","):
        try:
            scales.append(float(part))
        except ValueError:
            raise UsageError(f"--scales must be numbers with commas, found {text!r}", hint=_EXAMPLE) from None
    return tuple(scales)
