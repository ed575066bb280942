"""Tasks on an existing Dask cluster: the same job, opened once in each of its processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from typing import Any

from deepmark.errors import EngineError, UsageError
from deepmark.extras import require
from deepmark.models.evaluation.workers import Done, Result, Task, WorkerJob

CONNECT_S = 10  # to a scheduler that runs, and for it to have a worker
AHEAD = 2  # tasks given to each thread of the cluster; more would only fill memory with results

_opened: dict[object, Callable[[Any], Any]] = {}  # in a process of the cluster: the job that it does
_resources = ExitStack()
_busy = threading.Lock()

# Of distributed, and those below it and beside it that its configuration gives a level of their own.
_LOGGERS = ("distributed", "distributed.client", "tornado.application")


def do_on_cluster(job: WorkerJob[Task, Result], tasks: Sequence[Task], address: str) -> Done[Task, Result]:
    """Do all tasks on a cluster; yield them as they are done.

    The files that the job names must be there under the same paths. When a process of the cluster dies, its tasks are
    done again by others. Nothing here listens on a port.

    Args:
        job: job to do.
        tasks: tasks of the job.
        address: address of the scheduler, for example ``tcp://127.0.0.1:8786``.

    Raises:
        DeepMarkError: the library is missing.
        UsageError: nothing answers at the address.
        EngineError: the cluster has no process, one task killed several, or the scheduler went away.
        Exception: whatever a task raises.
    """
    require("a Dask cluster", "distributed", extra="dask")
    from distributed import Client, KilledWorker, as_completed

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # we say what happened
    with _connected(Client, address) as client, _scheduler_watched(client, address):
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)  # the last one may just be starting again
        except TimeoutError as error:
            hint = f"start some: dask worker {address}"
            raise EngineError(f"the cluster at {address} has no workers", hint=hint) from error
        threads = max(1, sum(client.nthreads().values()))
        left = iter(tasks)
        given: dict[Any, Task] = {}

        def submit() -> list[Any]:
            """Give the cluster one more task, where there is one."""
            for task in left:
                future = client.submit(_do, job, task, pure=False)
                given[future] = task
                return [future]
            return []

        done = as_completed([future for _ in range(AHEAD * threads) for future in submit()])  # type: ignore[no-untyped-call]
        for future in done:
            task = given.pop(future)
            try:
                result = future.result()
            except KilledWorker as error:
                raise EngineError(
                    f"processes of the cluster died at {job.label(task)}", hint="is there enough free memory there?"
                ) from error
            future.release()
            done.update(submit())  # type: ignore[no-untyped-call]
            yield task, result


def _connected(client: Callable[..., Any], address: str) -> Any:
    try:
        return client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address}", hint="start one: dask scheduler --host 127.0.0.1"
        ) from error


@contextmanager
def _scheduler_watched(client: Any, address: str) -> Iterator[None]:
    """Say in one line what comes as one of several errors when the scheduler ends."""
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CancelledError, OSError, RuntimeError) as error:
        lost = isinstance(error, CancelledError | CommClosedError) or client.status != "running"
        if not lost:  # it is an error of a task
            raise
        raise EngineError(
            f"the Dask scheduler at {address} went away",
            hint="start it again, and this command too: what was computed is in the cache",
        ) from error


def _do(job: WorkerJob[Task, Result], task: Task) -> Result:
    """Do one task in a process of the cluster, one at a time: it keeps the job open until it gets another."""
    with _busy:
        if job not in _opened:
            _opened.clear()
            _resources.close()
            _opened[job] = _resources.enter_context(job.open())
        result: Result = _opened[job](task)
        return result
