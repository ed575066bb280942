"""The size of the network's input for a picture: always the model's own, or shaped as the picture is.

A picture fits into its input whole, at the largest scale at which it does. A 3:4 photograph in a square leaves a
quarter of it black, which the network computes like the rest; an input of the picture's own shape leaves out what would
be black, up to the network's multiple. Scale and resampling are those of the model's own size, so that both see the
same.
"""

from __future__ import annotations

from typing import Literal, get_args

Fit = Literal["square", "rect"]
"""``"square"``: the input has one size whatever the picture, though it need not be square. ``"rect"``: it has the
picture's shape, and that size is the largest it may have (the name is ultralytics')."""

FITS = get_args(Fit)

DEFAULT_FIT: Fit = "square"
"""What an export writes into a new manifest."""


def input_size(
    picture: tuple[int, int],
    size: tuple[int, int],
    *,
    multiple: int,
    fit: Fit,
    resized: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """Return height and width of the network's input for a picture; computed in integers, so equal everywhere.

    >>> input_size((1600, 1200), (256, 256), multiple=32, fit="rect")
    (256, 192)
    >>> input_size((1600, 1200), (256, 256), multiple=32, fit="square")
    (256, 256)

    Args:
        picture: height and width of the picture, in pixels, at least 1 each.
        size: height and width of the model's own input, in pixels, multiples of ``multiple``.
        multiple: number of pixels that height and width must be multiples of.
        fit: whether the input has the picture's shape.
        resized: height and width of what is drawn in place of the picture, at the picture's scale (multi-scale test);
            None for the picture itself.
    """
    if fit == "square":
        return size
    bound = 0 if size[0] * picture[1] <= size[1] * picture[0] else 1  # the side that the picture fills
    drawn = resized or picture
    high, wide = (
        min(limit, -(-side * size[bound] // (picture[bound] * multiple)) * multiple)
        for side, limit in zip(drawn, size, strict=True)
    )
    return high, wide
