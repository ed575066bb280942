"""The computer that is measured on: what it is, which cores to use, and what they did meanwhile."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.result.document import Machine, TurnConditions
from deepmark.errors import UsageError
from deepmark.runtime.cpu import cpu_name

LIBRARIES = {
    "numpy": "numpy",
    "OpenCV": "opencv-python-headless",
    "MNN": "mnn",
    "ONNX Runtime": "onnxruntime",
    "torch": "torch",
    "ncnn": "ncnn",
    "OpenVINO": "openvino",
}  # as users know them -> distribution
_CPU = Path("/sys/devices/system/cpu")


def describe_machine() -> Machine:
    """Describe the computer; nothing that names it or its user."""
    import psutil

    return Machine(
        cpu=cpu_name(),
        cores=os.cpu_count() or 1,
        usable_cores=len(usable_cores()),
        memory_mib=int(psutil.virtual_memory().total) >> 20,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        virtual=_is_virtual(),
        governor=_first_line(_CPU / "cpu0" / "cpufreq" / "scaling_governor"),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        python=platform.python_version(),
        versions={name: version for name, one in LIBRARIES.items() if (version := _version(one))},
    )


def usable_cores() -> tuple[int, ...]:
    """Number the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def choose_cores(asked: str, threads: int) -> tuple[int, ...]:
    """Return the cores to pin a contestant to: as many as it has threads, or those that were asked for.

    Args:
        asked: ``"auto"``, or numbers and ranges such as ``0,2-3``. Automatic are the fastest ones; of equal ones the
            last, as the first has most of the system's own work.
        threads: number of threads that will compute.

    Raises:
        UsageError: the text is no list of cores, one of them cannot be used, or they are too few.
    """
    usable = usable_cores()
    if asked == "auto":
        if not hasattr(os, "sched_setaffinity"):
            return ()
        fastest = sorted(usable, key=lambda core: (_max_khz(core), core), reverse=True)
        return tuple(sorted(fastest[:threads]))
    cores = _parse_cores(asked)
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("this system cannot pin a process to cores", hint="leave --cores out")
    if not set(cores) <= set(usable):
        shown = ", ".join(map(str, usable))
        raise UsageError(f"--cores {asked}: this process may use the cores {shown} only", hint="leave --cores out")
    if len(cores) < threads:
        raise UsageError(
            f"--cores {asked}: {threads} threads need as many cores", hint="name more, or take fewer threads"
        )
    return cores


def _parse_cores(text: str) -> tuple[int, ...]:
    cores: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first + last) > 8:
            raise UsageError(f"--cores must be auto or a list such as 0,2-3, found {text!r}")
        cores.update(range(int(first), min(int(last or first), int(first) + 4096) + 1))
    if not cores:
        raise UsageError(f"--cores {text}: a range must go upwards")
    return tuple(sorted(cores))


@dataclass(frozen=True, slots=True)
class CoreClock:
    """What a set of cores had done at one moment.

    Attributes:
        at_s: the moment, by the monotonic clock.
        cores: number of the cores.
        busy_s: time that they computed, all together.
        steal_s: time that the hypervisor gave to other machines, all together.
    """

    at_s: float
    cores: int
    busy_s: float
    steal_s: float

    @classmethod
    def read(cls, cores: Collection[int]) -> CoreClock:
        """Read the system's counters for these cores; no cores: all of them."""
        import psutil

        times = psutil.cpu_times(percpu=True)
        chosen = [one for number, one in enumerate(times) if not cores or number in cores]
        names = ("user", "nice", "system", "irq", "softirq")  # guest time is part of user time
        busy = sum(getattr(one, name, 0.0) for one in chosen for name in names)
        return cls(time.monotonic(), len(chosen), busy, sum(getattr(one, "steal", 0.0) for one in chosen))

    def until(self, later: CoreClock, own_s: float, frequency_mhz: float | None) -> TurnConditions:
        """Return what the cores did until a later moment."""
        return TurnConditions(
            core_s=round((later.at_s - self.at_s) * self.cores, 4),
            own_s=round(own_s, 4),
            busy_s=round(later.busy_s - self.busy_s, 4),
            steal_s=round(later.steal_s - self.steal_s, 4),
            frequency_mhz=frequency_mhz,
        )


def frequency_mhz(cores: Collection[int]) -> float | None:
    """Read how fast the fastest of these cores runs now; None where the system does not show it."""
    import psutil

    try:
        per_core = psutil.cpu_freq(percpu=True)
    except (OSError, AttributeError, NotImplementedError, RuntimeError):  # depends on system and container
        return None
    chosen = [one.current for number, one in enumerate(per_core) if not cores or number in cores] or [
        one.current for one in per_core
    ]
    fastest = max(chosen, default=0.0)
    return round(fastest, 1) if fastest > 0 else None


def _is_virtual() -> bool | None:
    flags = _fields(Path("/proc/cpuinfo"), ("flags",))
    return None if flags is None else "hypervisor" in flags.split()


def _fields(path: Path, names: Iterable[str]) -> str | None:
    """Return the first value of a ``name : value`` file under one of these names."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    pairs = [line.partition(":") for line in lines]
    return next((value.strip() for key, _, value in pairs if key.strip() in names), None)


def _max_khz(core: int) -> int:
    text = _first_line(_CPU / f"cpu{core}" / "cpufreq" / "cpuinfo_max_freq")
    return int(text) if text and text.isdecimal() else 0


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
