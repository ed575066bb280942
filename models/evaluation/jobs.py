"""Work that can be spread: an opened job does one task after another, in this process, in another, or far away."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

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
