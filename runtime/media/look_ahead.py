"""Let a generator work in a thread of its own, a few items before they are asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def look_ahead(items: Generator[Item], depth: int) -> Generator[Item]:
    """Yield what ``items`` yields, in its order, while a thread already makes the next ones.

    What ``items`` raises is raised here, after the items before it. When this generator is closed, or ends in any other
    way, the thread finishes the item that it is making, ``items`` is closed, and the thread has ended.

    Args:
        items: runs in the thread, one step at a time.
        depth: number of items that may wait here besides the one that was asked for last; at least 1.
    """
    with closing(items), ThreadPoolExecutor(1, "look-ahead") as thread:
        try:
            waiting = deque(thread.submit(next, items, _END) for _ in range(depth))
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(thread.submit(next, items, _END))
                yield item  # type: ignore[misc]
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
