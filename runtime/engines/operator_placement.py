"""Where each operator of a session ran: MNN moves one that a GPU lacks to the CPU, and tells nobody.

A session's own back end is what was asked for, whatever became of its operators. But a tensor that the CPU computed has
its values in the host's memory, and one of a GPU has not: MNN hands out no pointer to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SAMPLES_IN_DEPTH = "GridSample of 5 dimensions"
_IN_DEPTH = 5  # dimensions


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the operators of one run were computed.

    Attributes:
        total: number of operators.
        on_cpu: those that ran on the CPU, ``"name (type)"`` each, in order.
        kinds: types of all operators, as MNN names them, and `SAMPLES_IN_DEPTH`.
    """

    total: int
    on_cpu: tuple[str, ...]
    kinds: frozenset[str]

    def sentence(self, place: str, *, most: int | None = None) -> str:
        """Say what ran where, for example ``112 of 112 operators on Mali-G76 (OpenCL, IMAGE)``.

        Args:
            place: name of what the session computes on.
            most: number of operators on the CPU to name; None for all of them.
        """
        counted = f"{self.total - len(self.on_cpu)} of {self.total} operators on {place}"
        if not self.on_cpu:
            return counted
        named = ", ".join(self.on_cpu[:most])
        left = len(self.on_cpu) - len(self.on_cpu[:most])
        return f"{counted}; on the CPU: {named}{f' and {left} more' if left else ''}"


def run_and_place(interpreter: Any, session: Any) -> tuple[int, Placement]:
    """Run an MNN session once, and return its code and where its operators ran; it must be in mode Session_Debug."""
    names: list[str] = []
    kinds: list[str] = []
    on_cpu: list[str] = []

    def before(tensors: list[Any], info: Any) -> bool:  # noqa: ARG001  MNN's own form
        return True

    def after(tensors: list[Any], info: Any) -> bool:
        names.append(info.getName())
        kinds.append(info.getType())
        if info.getType() == "GridSample" and any(len(tensor.getShape()) == _IN_DEPTH for tensor in tensors):
            kinds.append(SAMPLES_IN_DEPTH)
        if any(_in_host_memory(tensor) for tensor in tensors):
            on_cpu.append(f"{info.getName()} ({info.getType()})")
        return True

    code = int(interpreter.runSessionWithCallBackInfo(session, before, after))
    return code, Placement(len(names), tuple(on_cpu), frozenset(kinds))


def _in_host_memory(tensor: Any) -> bool:
    try:
        tensor.getHost()
    except ValueError:  # Python makes no capsule of a null pointer
        return False
    return True
