"""What one command line leaves behind must not be seen by the next."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Take back what ``-v`` and ``-q`` change for the process."""
    root, own = logging.getLogger(), logging.getLogger("deepmark")
    handlers, level = root.handlers[:], own.level
    yield
    root.handlers[:] = handlers
    own.setLevel(level)
