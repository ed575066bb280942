"""Studies are called as their users call them, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.__main__ import main

Study = Callable[..., Outcome]


@contextmanager
def all_cores_again() -> Iterator[None]:
    """Give this process its cores back afterwards: a study that times stays on one."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        yield
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)


@pytest.fixture
def study(capfd: pytest.CaptureFixture[str]) -> Study:
    """Run ``python -m deepmark.benchmarks.studies ARGS`` in this process; its errors are raised."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        with all_cores_again():
            code = main([*map(str, arguments)])
        out, err = capfd.readouterr()
        return Outcome(code or 0, out, err)

    return call
