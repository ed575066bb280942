"""The lines that ``dm_bench`` and ``dm_verify`` print: one JSON object each, checked strictly.

They come from a device and are not trusted: a line that is none of these is an error, and so is a missing last line,
because then the output was cut short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sized
from typing import Annotated, Literal

import msgspec

from deepmark.benchmarks.device.bounded_process import one_line
from deepmark.errors import DeviceError
from deepmark.runtime.engines.gpu_settings import Compute

Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
InputSide = Annotated[int, msgspec.Meta(ge=1, le=1 << 14)]
_AGAIN = "run it again; if it stays, restart the phone"


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """One line."""


class StageMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of the program at a stage, KiB; PSS is None where the kernel does not show it."""

    rss_kib: Count
    hwm_kib: Count
    pss_kib: Count | None = None


class StartEvent(_Event, frozen=True, kw_only=True, tag="start"):
    """The program began; nothing is loaded. What is computed on and how is what was asked for; a GPU has no threads."""

    format: Literal["dm_bench/1"]
    mnn_version: str
    runtime: str
    abi: str
    compute: Compute = "cpu"
    precision: Literal["fp32", "fp16", "high", "normal", "low"]
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)]
    storage: str | None = None
    tuning: str | None = None
    power: Literal["normal", "high", "low"]
    techniques: str
    cpus_allowed: str
    memory: StageMemory


class GpuFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a GPU runs the network: what it is, how many operators ran there, and what came before the first frame.

    ``kernels`` and ``compiled_ms``: what became of compiled kernels, and what the load takes with none kept; None of
    programs that keep none.
    """

    name: str
    driver: str
    clock_mhz: Count
    mode: Count
    placement: str
    operators: Count
    on_cpu: Count
    create_ms: Milliseconds
    resize_ms: Milliseconds
    first_ms: Milliseconds
    kernels: str | None = None
    compiled_ms: Milliseconds | None = None


class LoadedEvent(_Event, frozen=True, kw_only=True, tag="loaded"):
    """The model is ready; what the engine really does. A Winograd level of -1 is MNN's own choice.

    ``input`` is height and width of the network's input for the first picture; None of programs that do not say it.
    """

    load_ms: Milliseconds
    input: tuple[InputSide, InputSide] | None = None
    precision_used: str
    backend: str
    threads_used: Annotated[int, msgspec.Meta(ge=0, le=256)]
    winograd_level: Annotated[int, msgspec.Meta(ge=-1, le=3)] = -1
    mnn_memory_mib: float | None = None
    mnn_mflops: float | None = None
    gpu: GpuFacts | None = None
    memory: StageMemory


class WarmEvent(_Event, frozen=True, kw_only=True, tag="warm"):
    """Warm-up is over."""

    runs: Count
    seconds: Annotated[float, msgspec.Meta(ge=0)]


class SampleEvent(_Event, frozen=True, kw_only=True, tag="sample"):
    """One frame."""

    t_ms: float
    letterbox_ms: Milliseconds
    network_ms: Milliseconds
    decode_ms: Milliseconds
    objects: Count
    cpu: int


class EndEvent(_Event, frozen=True, kw_only=True, tag="end"):
    """All runs are done.

    ``processor_s`` is the time of all threads on processors meanwhile; None of programs that do not say it.
    """

    runs: Count
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    processor_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    cpus_used: tuple[int, ...]
    memory: StageMemory


class ErrorEvent(_Event, frozen=True, kw_only=True, tag="error"):
    """The program could not do what it was asked."""

    message: str
    hint: str | None = None


Event = StartEvent | LoadedEvent | WarmEvent | SampleEvent | EndEvent | ErrorEvent


class BenchOutput(msgspec.Struct, frozen=True, kw_only=True):
    """All that one run of ``dm_bench`` printed."""

    start: StartEvent
    loaded: LoadedEvent
    warm: WarmEvent
    samples: tuple[SampleEvent, ...]
    end: EndEvent


def read_bench_output(text: str) -> BenchOutput:
    """Read the output of ``dm_bench``, which is that of one turn; lines that do not begin as an object are left out.

    Raises:
        DeviceError: a line is none of its lines, lines are missing, or the phone's clock went backwards.
    """
    return read_bench_lines(line for line in text.splitlines() if line.startswith("{"))


def read_bench_lines(lines: Iterable[str]) -> BenchOutput:
    """Read the lines of ``dm_bench`` of one turn, one by one, as the Android app keeps them.

    Raises:
        DeviceError: a line is none of its lines, lines are missing, or the phone's clock went backwards.
    """
    events = [_event(line) for line in lines]
    starts = [one for one in events if isinstance(one, StartEvent)]
    loaded = [one for one in events if isinstance(one, LoadedEvent)]
    warm = [one for one in events if isinstance(one, WarmEvent)]
    samples = tuple(one for one in events if isinstance(one, SampleEvent))
    ends = [one for one in events if isinstance(one, EndEvent)]
    once: dict[str, Sized] = {"start": starts, "loaded": loaded, "warm": warm, "end": ends}
    wrong = next((f"{len(found)} lines {name!r}, expected 1" for name, found in once.items() if len(found) != 1), None)
    if not ends:
        wrong = "its last line did not arrive whole"
    elif wrong is None and not samples:
        wrong = "no samples"
    elif wrong is None and ends[0].runs != len(samples):
        wrong = f"{len(samples)} of {ends[0].runs} samples did not arrive whole"
    if wrong is not None:
        raise DeviceError(f"the output of dm_bench was cut short: {wrong}", hint=_AGAIN)
    stamps = [one.t_ms for one in samples]
    if not all(map(math.isfinite, stamps)) or stamps != sorted(stamps):
        raise DeviceError("the phone's clock went backwards during a turn", hint=_AGAIN)
    return BenchOutput(start=starts[0], loaded=loaded[0], warm=warm[0], samples=samples, end=ends[0])


def read_error(text: str) -> ErrorEvent | None:
    """Return the error that a program ended with, if it printed one."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                event = msgspec.json.decode(line, type=Event)
            except msgspec.MsgspecError:
                return None
            return event if isinstance(event, ErrorEvent) else None
    return None


def _event(line: str) -> Event:
    try:
        event: Event = msgspec.json.decode(line, type=Event)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DeviceError(
            f"dm_bench printed a line that is none of its lines ({error}): {one_line(line, 80)}", hint=_AGAIN
        ) from error
    return event


class VerifyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``dm_verify``: a vector, or the end."""

    event: str
    number: str | None = None
    equal: bool | None = None
    heads: dict[str, dict[str, float | None]] = {}
    objects: dict[str, float | None] = {}
    precision: str | None = None
    mnn_version: str | None = None


def read_verify_output(text: str) -> tuple[VerifyEvent, ...]:
    """Read the output of ``dm_verify``: its vectors, then its end.

    Raises:
        DeviceError: a line is none of its lines, or the end is missing.
    """
    try:
        lines = [line for line in text.splitlines() if line.startswith("{")]
        events = tuple(msgspec.json.decode(line, type=VerifyEvent) for line in lines)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DeviceError(f"dm_verify printed a line that is none of its lines ({error})", hint=_AGAIN) from error
    if not events or events[-1].event != "end" or events[-1].equal is None:
        raise DeviceError("the output of dm_verify was cut short: its last line did not arrive", hint=_AGAIN)
    return events
