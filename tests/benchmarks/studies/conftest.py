"""Studies are called as their users call them, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.__main__ import main

Study = Callable[..., Outcome]


@pytest.fixture
def study(capfd: pytest.CaptureFixture[str]) -> Study:
    """Run ``python -m deepmark.benchmarks.studies ARGS`` in this process; its errors are raised."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([*map(str, arguments)])
        out, err = capfd.readouterr()
        return Outcome(code or 0, out, err)

    return call
