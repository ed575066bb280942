"""Batches made ahead of the step that takes them.

Threads do: OpenCV and NumPy let others run while they compute, nothing is copied between processes, and pictures, zip
files and labels are in memory once. Batches come in their order, and a batch is a function of its step alone; so the
number of threads changes no result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from typing import TypeVar

Made = TypeVar("Made")


@contextmanager
def made_ahead(make: Callable[[int], Made], steps: range, loaders: int) -> Iterator[Iterator[Made]]:
    """Yield what ``make`` returns for each step, in order, made by so many threads while the block runs.

    What ``make`` raises is raised where its result is taken. At most ``loaders`` + 1 results wait or are being made.

    Args:
        make: called from the threads; with no threads, when its result is taken.
        steps: for which.
        loaders: number of threads, or 0.
    """
    if loaders == 0:
        yield map(make, steps)
        return
    with closing(_queue(make, steps, loaders)) as made:
        yield made


def _queue(make: Callable[[int], Made], steps: range, loaders: int) -> Generator[Made, None, None]:
    pool = ThreadPoolExecutor(loaders, thread_name_prefix="loader")
    ahead: deque[Future[Made]] = deque()
    coming = iter(steps)
    try:
        ahead.extend(pool.submit(make, step) for step in islice(coming, loaders + 1))
        while ahead:
            made = ahead.popleft().result()
            ahead.extend(pool.submit(make, step) for step in islice(coming, 1))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)
