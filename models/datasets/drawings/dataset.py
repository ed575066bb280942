"""A folder of drawings in DeepFashion2's own format: ``image/000001.jpg``, ``annos/000001.json`` and so on."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import cv2

from deepmark.errors import DataError
from deepmark.files import NO_ROOM, write_whole
from deepmark.models.datasets.drawings.annotation import DrawnItem, document
from deepmark.models.datasets.drawings.canvas import DrawingCanvas, DrawnSize, mixed_size
from deepmark.models.datasets.drawings.drawing import draw, encode
from deepmark.models.datasets.drawings.garments import CLASS_IDS, class_name

ATTRIBUTES = ("scale", "occlusion", "zoom_in", "viewpoint")
_CHUNK = 8  # pictures that a worker draws between two reports


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What was drawn.

    Attributes:
        folder: path of the folder.
        pictures: number of pictures.
        seed: seed of the set.
        size: side of the pictures in pixels; of pictures that are not square, height and width.
        items: number of labelled garments.
        classes: number of items of each class, by name.
        attributes: number of items by attribute and value.
        seconds: time that it took, in seconds.
        pictures_per_s: pictures drawn in a second.
        workers: processes that drew.
    """

    folder: str
    pictures: int
    seed: int
    size: DrawnSize
    items: int
    classes: dict[str, int]
    attributes: dict[str, dict[str, int]]
    seconds: float
    pictures_per_s: float
    workers: int


@dataclass(frozen=True, slots=True)
class _Job:
    """Pictures ``first`` to ``last`` (without it) of a set."""

    folder: Path
    seed: int
    size: DrawnSize
    mixed: bool
    first: int
    last: int


def write_dataset(
    folder: Path,
    *,
    count: int,
    seed: int,
    size: DrawnSize,
    workers: int,
    mixed: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> DatasetSummary:
    """Draw pictures 1 to ``count`` of the set ``seed`` into a folder; the bytes do not depend on ``workers``.

    Every file appears whole, a picture before its labels, whatever ends the program.

    Args:
        folder: folder to draw into; must be empty or not exist.
        count: number of pictures.
        seed: seed of the set; another seed gives other pictures.
        size: side of the pictures in pixels, or height and width.
        workers: processes that draw.
        mixed: whether the pictures have the shapes of `mixed_size` by turns, with ``size`` (then a number) for the
            longer side.
        advance: function called after every picture.

    Raises:
        DataError: the folder holds something already, cannot be written, or a worker process was killed.
    """
    _claim(folder)
    start = time.perf_counter()
    jobs = [_Job(folder, seed, size, mixed, at, min(at + _CHUNK, count + 1)) for at in range(1, count + 1, _CHUNK)]
    workers = min(workers, len(jobs))
    tally: Counter[tuple[str, int]] = Counter()
    with closing(_run(jobs, workers)) as done:
        for job, found in done:
            tally.update(found)
            for _ in range(job.first, job.last):
                advance()
    seconds = time.perf_counter() - start
    classes = {class_name(class_id): tally["category_id", class_id] for class_id in CLASS_IDS}
    return DatasetSummary(
        folder=str(folder),
        pictures=count,
        seed=seed,
        size=DrawingCanvas.of(size).size,
        items=sum(classes.values()),
        classes=classes,
        attributes={name: {str(value): tally[name, value] for value in (1, 2, 3)} for name in ATTRIBUTES},
        seconds=round(seconds, 2),
        pictures_per_s=round(count / seconds, 1),
        workers=workers,
    )


def _claim(folder: Path) -> None:
    """Make the folders, unless something is there that drawing might spoil."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(
                f"{folder} is not an empty folder",
                hint="choose a folder that does not exist yet, or delete this one: drawings are never mixed",
            )
        for part in ("image", "annos"):
            (folder / part).mkdir(parents=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {folder}: {error.strerror}", hint="choose a folder that you may write to"
        ) from error


def _run(jobs: list[_Job], workers: int) -> Generator[tuple[_Job, Counter[tuple[str, int]]], None, None]:
    """Do all jobs, here for one worker and otherwise in processes; yield each with what it labelled."""
    if workers == 1:
        yield from ((job, _draw_job(job)) for job in jobs)
        return
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    interrupted = threading.Event()
    with _on_interrupt(lambda *_: interrupted.set()):
        try:
            for job, found in _in_parallel(pool, jobs, workers):
                if interrupted.is_set():
                    raise KeyboardInterrupt
                yield job, found
        except BrokenProcessPool as error:
            raise DataError(
                "a drawing process was killed",
                hint="if memory ran out, take fewer --workers; then draw into an empty folder",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _in_parallel(
    pool: ProcessPoolExecutor, jobs: list[_Job], workers: int
) -> Iterator[tuple[_Job, Counter[tuple[str, int]]]]:
    """Yield jobs as they are done, with a few waiting for each worker."""
    waiting = iter(jobs)
    running: dict[Future[Counter[tuple[str, int]]], _Job] = {}
    while True:
        with _on_interrupt(signal.SIG_IGN):  # processes that start here inherit it
            for job in itertools.islice(waiting, 3 * workers - len(running)):
                running[pool.submit(_draw_job, job)] = job
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def _on_interrupt(action: Callable[[int, FrameType | None], object] | signal.Handlers) -> Iterator[None]:
    """Do this on Ctrl-C until the block ends: an exception out of the blue would tear the pool's locks.

    Only the main thread may say what a signal does; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, action)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """Watch the parent from a thread: a parent that is killed cannot tell its processes to end."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_job(job: _Job) -> Counter[tuple[str, int]]:
    tally: Counter[tuple[str, int]] = Counter()
    with _one_thread():
        for number in range(job.first, job.last):
            tally.update(_labels(_write_picture(job, number)))
    return tally


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: processes share the cores already."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _write_picture(job: _Job, number: int) -> tuple[DrawnItem, ...]:
    size = mixed_size(DrawingCanvas.of(job.size).long, number) if job.mixed else job.size
    drawing = draw(job.seed, number, size)
    labels = document(drawing.items, pair_id=number, shop=drawing.shop)
    write_whole(job.folder / "image" / f"{number:06d}.jpg", encode(drawing), explain=_cannot_write)
    content = json.dumps(labels, separators=(",", ":")).encode()
    write_whole(job.folder / "annos" / f"{number:06d}.json", content, explain=_cannot_write)
    return drawing.items


def _cannot_write(path: Path, error: OSError) -> DataError:
    hint = "free some space, then draw into an empty folder" if error.errno in NO_ROOM else None
    return DataError(f"cannot write {path}: {os.strerror(error.errno or 0)}", hint=hint)


def _labels(items: tuple[DrawnItem, ...]) -> Iterator[tuple[str, int]]:
    for item, name in itertools.product(items, ("category_id", *ATTRIBUTES)):
        yield name, int(getattr(item, name))
