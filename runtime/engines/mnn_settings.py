"""What MNN can be told that changes speed and memory, and in the last digits results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from deepmark.errors import UsageError

Memory = Literal["normal", "low"]
WINOGRAD_LEVELS = (0, 1, 2, 3)
_MEMORY_CODES = {"normal": 0, "low": 2}  # words would be taken too, and ignored if unknown


@dataclass(frozen=True, slots=True)
class MnnSettings:
    """How a session computes.

    Attributes:
        winograd: how much memory fast convolutions may take, 0 (none of them) to 3 (MNN's default: the fastest).
        memory: ``"low"`` leaves 8-bit weights packed and computes with them as they are; it is much slower where the
            processor has no instructions for it. It changes nothing in other models.
    """

    winograd: int = 3
    memory: Memory = "normal"

    def __post_init__(self) -> None:
        """Refuse what MNN would ignore.

        Raises:
            UsageError: names the setting, its choices and the value.
        """
        if self.winograd not in WINOGRAD_LEVELS:
            raise UsageError(f"winograd must be one of 0, 1, 2, 3, found {self.winograd!r}")
        if self.memory not in get_args(Memory):
            raise UsageError(f"memory must be 'normal' or 'low', found {self.memory!r}")

    @property
    def session(self) -> dict[str, int]:
        """What ``createSession`` takes: precision and power stay normal (0)."""
        return {"precision": 0, "memory": _MEMORY_CODES[self.memory], "power": 0}
