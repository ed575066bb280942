"""Arguments of studies: their types refuse a wrong value with a sentence, and the command line ends with status 2."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path


def add_count(parser: ArgumentParser, name: str, default: int, text: str, *, least: int = 1) -> None:
    """Add an option for a number of things.

    Args:
        parser: the study's command line.
        name: name of the option, with its dashes.
        default: the number without the option.
        text: the option's help.
        least: the smallest number that is taken.
    """
    parser.add_argument(name, type=integer(least), metavar="N", default=default, help=f"{text}  [default: {default}]")


def integer(least: int) -> Callable[[str], int]:
    """Return a type for whole numbers.

    >>> integer(1)("12")
    12

    Args:
        least: the smallest number that is taken.
    """

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no whole number") from None
        if number < least:
            raise ArgumentTypeError(f"{number} is not in the range x>={least}")
        return number

    return parse


def real(least: float, most: float = math.inf) -> Callable[[str], float]:
    """Return a type for numbers.

    >>> real(0, 1)("0.3")
    0.3

    Args:
        least: the smallest number that is taken.
        most: the largest number that is taken.
    """

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no number") from None
        if not least <= value <= most:
            raise ArgumentTypeError(
                f"{text} is not in the range {least:g}<=x" + ("" if most == math.inf else f"<={most:g}")
            )
        return value

    return parse


def existing_path(text: str) -> Path:
    """Take the path of a file or folder that exists."""
    if not Path(text).exists():
        raise ArgumentTypeError(f"{text} does not exist")
    return Path(text)


def existing_file(text: str) -> Path:
    """Take the path of a file that exists."""
    if existing_path(text).is_dir():
        raise ArgumentTypeError(f"{text} is a folder")
    return Path(text)


def existing_folder(text: str) -> Path:
    """Take the path of a folder that exists."""
    if not existing_path(text).is_dir():
        raise ArgumentTypeError(f"{text} is no folder")
    return Path(text)
