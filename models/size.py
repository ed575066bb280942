"""The size of the network's input, as the command line takes it."""

from __future__ import annotations

import re

from deepmark.errors import UsageError

MULTIPLE = 32  # the network halves its input five times
MAX_SIDE = 16384  # pixels


def parse_size(text: str) -> tuple[int, int]:
    """Read ``N`` or ``HxW`` as (height, width) in pixels.

    >>> parse_size("256"), parse_size("384x256")
    ((256, 256), (384, 256))

    Raises:
        UsageError: not of this form, not a multiple of `MULTIPLE`, or not within 32..`MAX_SIDE`.
    """
    match = re.fullmatch(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", text.strip().lower())
    if not match:
        raise UsageError(f"size must be N or HxW in pixels, found {text!r}", hint="for example 256 or 384x256")
    height, width = int(match[1]), int(match[2] or match[1])
    for side in (height, width):
        if side % MULTIPLE or not MULTIPLE <= side <= MAX_SIDE:
            raise UsageError(
                f"size {text}: height and width must be multiples of {MULTIPLE} from {MULTIPLE} to {MAX_SIDE},"
                f" found {side}",
                hint=f"the nearest is {min(max(round(side / MULTIPLE), 1) * MULTIPLE, MAX_SIDE)}",
            )
    return height, width
