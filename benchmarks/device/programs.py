"""Start the native programs on a phone, bound to cores and with a time limit, and turn their ends into errors.

They print into a file there, which is fetched afterwards: while a turn runs, nothing passes over the cable.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from deepmark.benchmarks.device.bounded_process import MAX_OUTPUT, clean, one_line
from deepmark.benchmarks.device.events import (
    BenchOutput,
    VerifyEvent,
    read_bench_output,
    read_error,
    read_verify_output,
)
from deepmark.benchmarks.device.remote_folder import RemoteFolder
from deepmark.benchmarks.device.watchdog import TIME_OVER
from deepmark.benchmarks.result.phone import core_mask
from deepmark.errors import DeviceError, EngineError, ParityError
from deepmark.runtime.native.tool_chain import Runtime

Precision = Literal["fp32", "fp16"]
Power = Literal["normal", "high", "low"]

_OUT, _ERR = "out.jsonl", "err.txt"
LOAD_S = 180  # loading and one long frame; generous, because a phone that hangs is rare and a slow one is not
VERIFY_S = 600
_ENDS = {  # status that the phone's shell gives -> what happened; from 128 on a signal, numbered as by Linux on arm64
    TIME_OVER: "ran past its time and was stopped",
    126: "may not be executed there",
    127: "was not found",
    132: "met an instruction that this processor has not (SIGILL)",
    133: "stopped at a trap (SIGTRAP)",
    134: "gave up (SIGABRT)",
    135: "crashed (SIGBUS)",
    136: "crashed (SIGFPE)",
    137: "was killed, most likely for its memory (SIGKILL)",
    139: "crashed (SIGSEGV)",
    143: "was stopped (SIGTERM)",
    159: "made a system call that Android does not allow (SIGSYS)",
}
_GPU_HINT = "its driver does not bear this model: compute on the CPU, or try another storage, tuning or precision"
_FOREIGN = {126, 159}  # what Android may do to a program with another system's C library


class PhoneBuild(Protocol):
    """Programs and libraries for a phone.

    Attributes:
        runtime: label that stands beside every number.
        folder: folder with all the files that a phone needs.
        files: names of the files, directly in the folder.
        mnn_version: version of the engine.
        sha256: hash of the whole build, hex.
    """

    @property
    def runtime(self) -> Runtime: ...  # noqa: D102
    @property
    def folder(self) -> Path: ...  # noqa: D102
    @property
    def files(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def mnn_version(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102

    def launch(self, program: str) -> tuple[str, ...]:
        """Return what a command line begins with to start a program, relative to the folder."""
        ...


def build_for_phone() -> PhoneBuild:
    """Build with Android's tools where they are named, otherwise with Linux' C library, which comes along; cached.

    Raises:
        EngineError: tools or MNN are missing, all of which it names, or the compiler failed.
    """
    from deepmark.runtime.native import android, build_native
    from deepmark.runtime.phone_tools import missing_to_build

    if missing := missing_to_build():
        named = "; ".join(f"{part.found or f'{part.name} is missing'} ({part.remedy})" for part in missing)
        raise EngineError(f"programs for a phone cannot be built here: {named}", hint="deepmark doctor --phone")
    return build_native("android" if android.is_wanted() else "aarch64-linux-gnu")


@dataclass(frozen=True, slots=True)
class PhonePrograms:
    """The native programs in a folder of a phone.

    Attributes:
        folder: folder on the phone that they lie in.
        build: build that was copied there.
        cores: cores to bind them to; empty where they run where the phone likes.
    """

    folder: RemoteFolder
    build: PhoneBuild
    cores: tuple[int, ...]

    def verify(self, bundle: str, options: Sequence[str], *, tuning_s: int = 0, label: str = "fp32") -> int:
        """Run a bundle's test vectors on the phone and return how many there were.

        Args:
            bundle: name of its folder on the phone.
            options: how it is computed.
            tuning_s: longest time for compiling and tuning, in seconds.
            label: name of how it is computed.

        Raises:
            ParityError: a result differs: nothing of it may be timed.
            DeviceError: the program did not end as it should.
            EngineError: it printed why it cannot run.
        """
        code, out, err = self._run("dm_verify", (bundle, *options), VERIFY_S + tuning_s)
        if code not in {0, 3}:
            raise self._failure("dm_verify", code, out, err, on_gpu=_is_on_gpu(options))
        events = read_verify_output(out)
        vectors = [one for one in events if one.event == "vector"]
        if code == 3 or not events[-1].equal or not all(one.equal for one in vectors):
            raise _differs(vectors, label)
        if not vectors:
            raise DeviceError("dm_verify ran no test vector on the phone", hint="export the bundle again")
        return len(vectors)

    def bench(self, bundle: str, options: Sequence[str], seconds: float, tuning_s: int = 0) -> BenchOutput:
        """Run one turn that takes about so many seconds, and ``tuning_s`` before them at most.

        Raises:
            DeviceError: the program did not end as it should.
            EngineError: it printed why it cannot run.
        """
        code, out, err = self._run("dm_bench", (bundle, *options), int(seconds) + LOAD_S + tuning_s)
        if code:
            raise self._failure("dm_bench", code, out, err, on_gpu=_is_on_gpu(options))
        return read_bench_output(out)

    def _run(self, program: str, arguments: Sequence[str], limit_s: int) -> tuple[int, str, str]:
        launch = self.build.launch(program)
        bound = ("taskset", core_mask(self.cores)) if self.cores else ()
        library = ("env", "LD_LIBRARY_PATH=.") if len(launch) == 1 else ()
        command = f"{shlex.join((*bound, *library, *launch, *arguments))} > {_OUT} 2> {_ERR}"
        answer = self.folder.run_watched(command, limit_s, f"wc -c < {_OUT}; tail -c 2000 {_ERR}")
        size, _, err = answer.out.partition("\n")
        if not size.strip().isdigit():
            raise DeviceError(f"{program} left no output on the phone", hint="is the phone full? adb shell df /data")
        if int(size) > MAX_OUTPUT:
            raise DeviceError(f"{program} printed more than {MAX_OUTPUT >> 20} MB on the phone", hint="run it again")
        with tempfile.TemporaryDirectory(prefix="deepmark-turn-") as folder:
            file = Path(folder) / _OUT
            self.folder.adb.pull(f"{self.folder.path}/{_OUT}", file)
            return answer.code, clean(file.read_bytes()), err

    def _failure(self, program: str, code: int, out: str, err: str, *, on_gpu: bool) -> DeviceError | EngineError:
        problem = read_error(out)
        if problem is not None:
            return EngineError(
                f"{program} on the phone: {one_line(problem.message)}", hint=one_line(problem.hint or "") or None
            )
        last_line = one_line(err, 160)
        if last_line.startswith("taskset:"):
            return DeviceError(
                f"the phone does not let {program} be bound to cores {', '.join(map(str, self.cores))}: {last_line}",
                hint="a hot phone switches cores off: let it cool down and try again; deepmark device shows its cores",
            )
        if code in _FOREIGN and self.build.runtime == "glibc-wheel":
            hint = "build with Android's NDK: set ANDROID_NDK_HOME and MNN_ANDROID (docs/native.md)"
        else:
            hint = "close other apps and try again; deepmark device shows the memory that is left"
        detail = f": {last_line}" if last_line else ""
        if on_gpu:
            return EngineError(f"{program} {_end(code)} on the phone's GPU{detail}", hint=_GPU_HINT)
        return DeviceError(f"{program} {_end(code)} on the phone{detail}", hint=hint)


def _is_on_gpu(options: Sequence[str]) -> bool:
    return "--compute" in options


def _end(code: int) -> str:
    if code > 128 and code not in _ENDS:
        return f"was ended by signal {code - 128}"
    return _ENDS.get(code) or f"ended with exit status {code}"


def _differs(vectors: Sequence[VerifyEvent], label: str) -> ParityError:
    wrong = [one.number or "?" for one in vectors if not one.equal]
    shown = f"vector{'s' if len(wrong) > 1 else ''} {one_line(', '.join(wrong), 80)}" if wrong else "a result"
    return ParityError(
        f"wrong on the phone in {label}, so it was not timed: {shown} of {len(vectors)} differ",
        report=tuple(vectors),
        hint="deepmark verify tells whether the bundle is right on this computer; try --precision fp32",
    )
