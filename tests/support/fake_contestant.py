"""A child process that speaks the benchmark's protocol and computes nothing; what it does is in the job's path.

Run as a script by the tests of `deepmark.benchmarks.speed.rounds`. Every turn is noted in ``$FAKE_LOG``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deepmark.benchmarks.speed.child import Preparation, serve
from deepmark.benchmarks.speed.messages import LoadRequest, Phase, Ready
from deepmark.errors import BundleError


class Fake:
    phases: tuple[Phase, ...] = ("letterbox", "network", "decode")
    objects = 1.5

    def __init__(self, name: str) -> None:
        self._name, self._runs = name, 0

    def run(self, number: int) -> tuple[int, ...]:
        if number == 0:
            with Path(os.environ["FAKE_LOG"]).open("a") as log:
                log.write(f"{self._name} {time.monotonic()}\n")
        self._runs += 1
        if self._name == "aborts" and self._runs > 8:
            os.abort()
        return 1_000_000, 2_000_000 + self._runs, 500_000


def prepare(job: LoadRequest) -> Preparation:
    name = Path(job.path).name
    if name == "exits":
        sys.stderr.write("something went wrong\n")
        sys.exit(7)

    def load() -> tuple[Fake, Ready, Callable[[], float]]:
        if name == "refuses":
            raise BundleError("it is no model", hint="take another")
        if name == "hangs":
            time.sleep(60)
        return Fake(name), Ready("fake", "1.0", "CPU", 1, {}, "fp32", "0" * 64, None), lambda: 12.5

    return load


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, prepare)
