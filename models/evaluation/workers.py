"""Jobs whose tasks are done one after the other, or by a pool of processes of this machine.

An opened job does one task after another, in this process, in another, or far away
(`deepmark.models.evaluation.cluster`). A process of the pool that dies is replaced, and its task is done again.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, Protocol, TypeVar

from deepmark.errors import DeepMarkError, EngineError

ATTEMPTS = 3  # at a task; then it is the task that kills

Task = TypeVar("Task")
Result = TypeVar("Result")
Task_contra = TypeVar("Task_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)
Done = Generator[tuple[Task, Result], None, None]  # tasks with their results, as they are done


class WorkerJob(Protocol[Task_contra, Result_co]):
    """What is to be done with every task. A frozen value: it is sent to where the work is done."""

    def open(self) -> AbstractContextManager[Callable[[Task_contra], Result_co]]:
        """Load what all tasks need; yield the function that does one."""
        ...

    def label(self, task: Task_contra) -> str:
        """Name a task, for errors."""
        ...


def do_here(job: WorkerJob[Task, Result], tasks: Iterable[Task]) -> Done[Task, Result]:
    """Do all tasks in this process, in order."""
    with job.open() as do:
        for task in tasks:
            yield task, do(task)


@dataclass(frozen=True, slots=True, eq=False)
class _Worker(Generic[Task]):
    """A process at work.

    Attributes:
        process: the operating system's process.
        task: task that it does.
        attempt: number of times that the task was begun, this one included.
    """

    process: SpawnProcess
    task: Task
    attempt: int


def do_in_processes(job: WorkerJob[Task, Result], tasks: Sequence[Task], workers: int) -> Done[Task, Result]:
    """Do all tasks, each in one of several processes; yield them as they are done.

    Processes are spawned: what was loaded here would not survive a fork. They end with this process, whatever ends it,
    and when the iterator is closed.

    Args:
        job: job to do.
        tasks: tasks of the job.
        workers: number of processes.

    Raises:
        EngineError: the process of one task died `ATTEMPTS` times.
        Exception: whatever a task raises.
    """
    waiting = deque((task, 1) for task in tasks)
    pool: dict[Any, _Worker[Task]] = {}
    try:
        while waiting or pool:
            while waiting and len(pool) < workers:
                pipe, process = _start_process(job)
                pool[pipe] = _give(pipe, process, *waiting.popleft())
            ready: list[Any] = wait(list(pool))
            for pipe in ready:
                worker = pool[pipe]
                try:
                    error, result = pipe.recv()
                except (EOFError, OSError):
                    _stop_process(pipe, pool.pop(pipe).process)
                    waiting.appendleft(_again(job, worker))
                    continue
                if error is not None:
                    raise error
                if waiting:
                    pool[pipe] = _give(pipe, worker.process, *waiting.popleft())
                else:
                    _stop_process(pipe, pool.pop(pipe).process)
                yield worker.task, result
    finally:
        for pipe, worker in pool.items():
            worker.process.kill()
            _stop_process(pipe, worker.process)


def _start_process(job: WorkerJob[Task, Result]) -> tuple[Any, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(job, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return ours, process


def _give(pipe: Any, process: SpawnProcess, task: Task, attempt: int) -> _Worker[Task]:
    with suppress(OSError):  # it just died: its pipe will say so
        pipe.send(task)
    return _Worker(process, task, attempt)


def _stop_process(pipe: Any, process: SpawnProcess) -> None:
    pipe.close()  # a process that waits for a task ends with that
    process.join()


def _again(job: WorkerJob[Task, Result], worker: _Worker[Task]) -> tuple[Task, int]:
    """Return the task of a dead process with the number of its next attempt."""
    if worker.attempt == ATTEMPTS:
        status = worker.process.exitcode or 0
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        raise EngineError(
            f"a worker process was {how}, {ATTEMPTS} times at {job.label(worker.task)}",
            hint="is there enough free memory? fewer --workers need less",
        )
    return worker.task, worker.attempt + 1


def _work(job: WorkerJob[Task, Result], pipe: Any) -> None:
    """Do tasks until the pipe ends: the worker's side."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    cv2.setNumThreads(1)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        for answer in _answers(job, pipe):
            pipe.send(answer)


def _answers(job: WorkerJob[Task, Result], pipe: Any) -> Iterator[tuple[Exception | None, Result | None]]:
    """Yield the results of the tasks that the pipe gives, then the error that ended it."""
    try:
        with job.open() as do:
            while True:
                try:
                    task = pipe.recv()
                except (EOFError, OSError):  # the parent ended, or has nothing more to do
                    return
                yield None, do(task)
    except Exception as error:  # noqa: BLE001  whatever it is, the parent raises it
        if not isinstance(error, DeepMarkError):
            error.add_note("".join(traceback.format_exception(error)))
        yield error, None
