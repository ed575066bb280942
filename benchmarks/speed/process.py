"""The parent's end of a child process: questions, answers, and a sentence for every way in which it can end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import cast

import msgspec

from deepmark.benchmarks.speed.messages import Answer, Question, Ready, Refusal, TurnSamples, Waiting
from deepmark.errors import EngineError
from deepmark.runtime.closing import Closing
from deepmark.runtime.leash import leash

COMMAND = (sys.executable, "-P", "-m", "deepmark.benchmarks.speed.child")
_LOOK_EVERY_S = 0.02
_LAST_WORDS = 4096  # bytes of the end of what a child printed


class Child(Closing):
    """A running child process.

    Args:
        name: name of the contestant, which errors begin with.
        environment: variables that it gets beside the parent's.
        command: command to run.
    """

    def __init__(self, name: str, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        self._name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the child
        path = os.pathsep.join(entry for entry in sys.path if entry)
        try:
            self._process = subprocess.Popen(
                [*leash(None), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": path, **environment},
            )
        except OSError as error:
            self._errors.close()
            raise EngineError(f"{name}: cannot start a process: {error.strerror or error}") from error
        self._unread = b""

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def send(self, question: Question) -> None:
        """Send a question; that nobody reads it any more is found when the answer does not come."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")

    def receive(
        self, timeout_s: float, while_waiting: Callable[[], None] | None = None
    ) -> Waiting | Ready | TurnSamples:
        """Wait for an answer.

        Args:
            timeout_s: time after which the child counts as hung.
            while_waiting: function to call every 20 ms; None to sleep, which disturbs nobody.

        Raises:
            EngineError: the child refused, crashed, was killed or hung.
        """
        answer = self._answer(timeout_s, while_waiting)
        if isinstance(answer, Refusal):
            raise EngineError(f"{self._name}: {answer.error}", hint=answer.hint)
        return answer

    def _answer(self, timeout_s: float, while_waiting: Callable[[], None] | None) -> Answer:
        assert self._process.stdout is not None
        end = time.monotonic() + timeout_s
        while b"\n" not in self._unread:
            left = end - time.monotonic()
            if left <= 0:
                raise EngineError(f"{self._name}: no answer within {timeout_s:.0f} s", hint="is the machine that busy?")
            ready, _, _ = select.select([self._process.stdout], [], [], _LOOK_EVERY_S if while_waiting else left)
            if ready:
                chunk = os.read(self._process.stdout.fileno(), 1 << 20)
                if not chunk:
                    raise self._explain_end()
                self._unread += chunk
            elif while_waiting:
                while_waiting()
        line, _, self._unread = self._unread.partition(b"\n")
        return cast("Answer", msgspec.json.decode(line, type=Waiting | Ready | TurnSamples | Refusal))

    def _explain_end(self) -> EngineError:
        status = self._process.wait()
        words = self._last_words()
        shown = f" (its last words: {words})" if words else ""
        if status == -signal.SIGKILL:
            return EngineError(f"{self._name}: its process was killed{shown}", hint="is there enough free memory?")
        if status < 0:
            name = signal.Signals(-status).name
            return EngineError(f"{self._name}: its process crashed with {name}{shown}")
        return EngineError(f"{self._name}: its process ended with exit status {status}{shown}")

    def _last_words(self) -> str:
        self._errors.seek(max(self._errors.seek(0, os.SEEK_END) - _LAST_WORDS, 0))
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End the process, if it has not ended."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process.kill()  # it has nothing to tidy up
        self._process.wait()
        self._errors.close()
