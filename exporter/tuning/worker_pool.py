"""Processes that keep the pictures they have staged from one question to the next.

Unlike the tasks of `deepmark.models.evaluation.workers`, the questions of a search build on each other, and what a
process knows is worth seconds: a process that dies is not replaced, it ends the search.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

from deepmark.errors import EngineError
from deepmark.exporter.tuning.shard import LabelledHeads, Shard, StagingPlan
from deepmark.exporter.tuning.staged_set import Judgement
from deepmark.models.evaluation.average_precision import Verdicts
from deepmark.runtime.decoding.params import DecoderParams

_CHUNK = 16  # pictures that are handed over at a time: a few megabytes
_AHEAD = 2  # questions that a process has before its answers are fetched: it never waits, no pipe overflows


class WorkerPool(Protocol):
    """This process or several, with the pictures that they have staged."""

    def judge(self, many: Iterable[DecoderParams], *, boxes: bool) -> Iterator[Judgement]:
        """Tell, for one set of parameters after the other, what becomes of every detection."""
        ...


@contextmanager
def open_pool(
    plan: StagingPlan, pictures: Iterable[LabelledHeads], workers: int, advance: Callable[[], None] = lambda: None
) -> Iterator[WorkerPool]:
    """Stage pictures, here or in several processes, which end with the block.

    Args:
        plan: parameters that the pictures are staged for.
        pictures: pictures, read one after the other and not kept here; at least as many as workers.
        workers: number of processes; 1 for this one.
        advance: function called after every picture.

    Raises:
        EngineError: a process was killed.
    """
    if workers == 1:
        shard = Shard(plan)
        for one in pictures:
            shard.add([one])
            advance()
        yield _OwnProcess(shard)
        return
    started: list[_Worker] = []
    try:
        started += [_start_worker(plan) for _ in range(workers)]
        _hand_out(started, iter(pictures), advance)
        yield _Processes(started)
    finally:
        for worker in started:
            worker.process.kill()
            worker.pipe.close()
            worker.process.join()


@dataclass(frozen=True, slots=True)
class _OwnProcess:
    shard: Shard

    def judge(self, many: Iterable[DecoderParams], *, boxes: bool) -> Iterator[Judgement]:
        return (self.shard.judge(params, boxes=boxes) for params in many)


@dataclass(frozen=True, slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection[Any, Any]

    def ask(self, method: str, *arguments: object, **options: object) -> None:
        with suppress(OSError):  # it is gone: `answer` will say so
            self.pipe.send((method, arguments, options))

    def answer(self) -> Any:
        try:
            error, result = self.pipe.recv()
        except (EOFError, OSError) as ended:
            self.process.join()
            status = self.process.exitcode or 0
            how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
            raise EngineError(
                f"a worker process of the search was {how}", hint="is there enough memory? fewer --workers need less"
            ) from ended
        if error is not None:
            raise error
        return result


@dataclass(frozen=True, slots=True)
class _Processes:
    workers: Sequence[_Worker]

    def judge(self, many: Iterable[DecoderParams], *, boxes: bool) -> Iterator[Judgement]:
        asked: deque[DecoderParams] = deque()
        for params in many:
            for worker in self.workers:
                worker.ask("judge", params, boxes=boxes)
            asked.append(params)
            if len(asked) == _AHEAD:
                asked.popleft()
                yield self._answer()
        for _ in asked:
            yield self._answer()

    def _answer(self) -> Judgement:
        parts: list[Judgement] = [worker.answer() for worker in self.workers]
        return Judgement(_join([one.points for one in parts]), _join([one.boxes for one in parts]))


def _hand_out(workers: Sequence[_Worker], pictures: Iterator[LabelledHeads], advance: Callable[[], None]) -> None:
    """Give chunks to the workers in turn; each works on one while the next is read."""
    busy: deque[_Worker] = deque()
    free = deque(workers)
    while chunk := list(islice(pictures, _CHUNK if len(busy) == len(workers) else 1)):
        if not free:
            free.append(busy.popleft())
            for _ in range(free[0].answer()):
                advance()
        worker = free.popleft()
        worker.ask("add", chunk)
        busy.append(worker)
    for worker in busy:
        for _ in range(worker.answer()):
            advance()


def _start_worker(plan: StagingPlan) -> _Worker:
    context = multiprocessing.get_context("spawn")  # what was loaded here would not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(plan, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return _Worker(process, ours)


def _work(plan: StagingPlan, pipe: Connection[Any, Any]) -> None:
    """Answer until the pipe ends: a worker's side."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    shard = Shard(plan)
    with suppress(EOFError, OSError):
        while True:
            method, arguments, options = pipe.recv()
            try:
                pipe.send((None, getattr(shard, method)(*arguments, **options)))
            except Exception as error:  # noqa: BLE001  whatever it is, the parent raises it
                pipe.send((error, None))


def _join(parts: Sequence[Verdicts | None]) -> Verdicts | None:
    """Join what the processes found; None where they were not asked."""
    verdicts = [one for one in parts if one is not None]
    return Verdicts.join(verdicts) if verdicts else None
