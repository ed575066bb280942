"""A converted stage in a process of its own: what crashes on a file that was just written ends that process alone.

It is the file's first load and its stage in one, so the file is loaded once. It computes whoever holds Python's lock
here, as MNN does while it prepares a session, and it imports its library before the file is there. The two processes
send each other pickles, through pipes that nobody else has.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO, cast

from deepmark.errors import BundleError, DeepMarkError, EngineError
from deepmark.exporter.formats import format_of
from deepmark.exporter.parity import ParitySample
from deepmark.exporter.pictures import ParityPicture
from deepmark.exporter.stages import THREADS, ChainStage, unusable
from deepmark.runtime.bundle import Backend
from deepmark.runtime.closing import Closing
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.engines.sessions import import_library
from deepmark.runtime.engines.trial import child_environment, explain_end, module_command, report, too_slow
from deepmark.runtime.engines.trial_load import TIMEOUT_S, remember_load, trial_of
from deepmark.runtime.leash import leash
from deepmark.runtime.manifest import Manifest

_PROGRAM = "deepmark.exporter.stage_process"
# NumPy computes heads at every cell with as many threads as every stage has.
_THREADS = {"OPENBLAS_NUM_THREADS": str(THREADS), "OMP_NUM_THREADS": str(THREADS)}


class StageProcess(Closing):
    """A process that imports an inference library, and then runs one model file.

    It ends with the thread that made it, at the latest.

    Args:
        backend: library that it shall import.

    Attributes:
        backend: library that it imports.

    Raises:
        EngineError: no process can be started.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._trial = trial_of(_PROGRAM, backend, backend)
        self._stage = ""
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        try:
            self._process = subprocess.Popen(
                [*leash(None), *module_command(_PROGRAM), backend],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                env=child_environment() | _THREADS,
            )
        except OSError as error:
            self._printed.close()
            raise EngineError(f"cannot start a process for {backend}: {error.strerror or error}") from error

    def load(self, file: Path, stage: str) -> None:
        """Load a model file, once.

        Args:
            file: model file for this library, with its manifest inside.
            stage: name of the stage in errors.

        Raises:
            ConversionError: the file cannot be used: the library refused it, crashed on it, or hung.
            EngineError: the library is not there, or the process was killed.
        """
        self._trial, self._stage = replace(self._trial, label=str(file)), stage
        watch = Timer(TIMEOUT_S, self._process.kill)
        watch.start()
        try:
            self._ask(file.resolve())
        except EngineError as error:
            if watch.finished.is_set():
                raise unusable(too_slow(self._trial), stage) from error
            raise
        finally:
            watch.cancel()

    def sample(self, picture: ParityPicture, manifest: Manifest) -> ParitySample:
        """Run the loaded file on a picture and decode, as `ChainStage.sample` does.

        Raises:
            ConversionError: the library refused the picture, or crashed on it.
            EngineError: the process was killed.
        """
        found: ParitySample = self._ask((picture, manifest))
        return found

    def _ask(self, question: object) -> Any:  # what a pickle holds
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(question, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)  # noqa: S301  of our own process
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise self._why_it_ended() from error

    def _why_it_ended(self) -> DeepMarkError:
        status = self._process.wait()
        self._printed.seek(0)
        error = explain_end(self._trial, status, self._printed.read().decode(errors="replace"))
        return unusable(error, self._stage) if isinstance(error, BundleError) else error

    def close(self) -> None:
        """End the process, if it has not ended: it has nothing to tidy up."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._printed):
            with suppress(OSError):  # what was not written any more
                stream.close()  # type: ignore[union-attr]


class StageProcesses(Closing):
    """Processes that import their libraries while there are no files yet.

    Args:
        backends: library of each.
    """

    def __init__(self, backends: Iterable[Backend]) -> None:
        self._waiting = [StageProcess(backend) for backend in backends]

    @contextmanager
    def stage(self, file: Path, name: str) -> Iterator[StageProcess]:
        """Give a model file, with its manifest inside, as a stage; see `StageProcess.load`."""
        with self._take(format_of(file).backend) as process:
            process.load(file, name)
            yield process

    def _take(self, backend: Backend) -> StageProcess:
        for number, process in enumerate(self._waiting):
            if process.backend == backend:
                return self._waiting.pop(number)
        return StageProcess(backend)

    def close(self) -> None:
        """End those that were not needed."""
        for process in self._waiting:
            process.close()


def _serve(backend: Backend) -> None:
    """Answer questions, the process's side: a file to load, then pictures, until stdin ends."""
    questions = sys.stdin.buffer
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints is no answer
        _answer_all(backend, questions, answers)


def _answer_all(backend: Backend, questions: BinaryIO, answers: BinaryIO) -> None:
    def answer(found: ParitySample | None) -> None:
        pickle.dump(found, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()

    with suppress(DeepMarkError):  # said when the library is needed
        import_library(backend)
    file: Path = pickle.load(questions)  # noqa: S301  of our own process
    with load_engine(file, threads=THREADS, backend=backend, trial=False) as engine:
        answer(None)
        stage = ChainStage.of(backend, engine)
        known = False
        with suppress(EOFError):
            while True:
                picture, manifest = pickle.load(questions)  # noqa: S301  of our own process
                found = stage.sample(picture, manifest)
                if not known:
                    remember_load(backend, engine.record.model_sha256)
                    known = True
                answer(found)


if __name__ == "__main__":
    sys.exit(report(partial(_serve, cast("Backend", sys.argv[1]))))
