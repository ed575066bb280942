"""The size of the network's input, as the command line takes it."""

from __future__ import annotations

import re

from deepmark.errors import UsageError

MULTIPLE = 32  # what every network's sides are multiples of: it halves its input five times; an hourglass more often
MAX_SIDE = 16384  # pixels


def parse_size(text: str, multiple: int = MULTIPLE) -> tuple[int, int]:
    """Read ``N`` or ``HxW`` as (height, width) in pixels.

    >>> parse_size("256"), parse_size("384x256")
    ((256, 256), (384, 256))

    Raises:
        UsageError: not of this form, not a multiple of ``multiple``, or not within ``multiple``..`MAX_SIDE`.
    """
    size = read_size(text)
    check_multiple(size, multiple)
    return size


def read_size(text: str) -> tuple[int, int]:
    """Read ``N`` or ``HxW`` as (height, width) in pixels, whatever they may be.

    Raises:
        UsageError: not of this form.
    """
    match = re.fullmatch(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", text.strip().lower())
    if not match:
        raise UsageError(f"size must be N or HxW in pixels, found {text!r}", hint="for example 256 or 384x256")
    return int(match[1]), int(match[2] or match[1])


def check_multiple(size: tuple[int, int], multiple: int) -> None:
    """Check a height and a width, in pixels, against what a network takes.

    Raises:
        UsageError: one is no multiple of ``multiple``, or not within ``multiple``..`MAX_SIDE`.
    """
    height, width = size
    if all(side % multiple == 0 and multiple <= side <= MAX_SIDE for side in size):
        return
    lower, upper = _nearest(size, multiple, up=False), _nearest(size, multiple, up=True)
    nearest = f"the nearest is {lower}" if lower == upper else f"the nearest are {lower} and {upper}"
    if multiple == MULTIPLE:  # also asked before the network is known
        nearest += "; for an hourglass, multiples of 128"
    raise UsageError(
        f"size {height}x{width}: height and width must be multiples of {multiple} from {multiple} to {MAX_SIDE}",
        hint=nearest,
    )


def _nearest(size: tuple[int, int], multiple: int, *, up: bool) -> str:
    """Return the nearest size that is allowed and no smaller, or no larger, where there is one; as it is written."""
    most = MAX_SIDE // multiple
    sides = [min(max(-(-side // multiple) if up else side // multiple, 1), most) * multiple for side in size]
    return str(sides[0]) if size[0] == size[1] else f"{sides[0]}x{sides[1]}"
