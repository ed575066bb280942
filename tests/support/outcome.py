"""What a command of ours leaves behind, and what every refusal must look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def assert_refused(self, code: int, *words: str) -> None:
        """One line that says what is wrong, nothing on stdout, no traceback."""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        assert len(errors) == 1, self.err
        for word in words:
            assert word.lower() in self.err.lower(), self.err
        assert self.out == ""


Deepmark = Callable[..., Outcome]
