"""Stages of the chain that run at the same time, while later ones are still being made: each has a thread of its own.

A stage computes with one thread whoever else computes (`deepmark.exporter.stages.THREADS`), so its numbers are those
of a run by itself. Model files run in processes of their own, which their threads wait for, and torch lets go of
Python's lock while it computes; two cores are kept busy so. Every stage runs once on every picture, in the pictures'
order. It may be ahead of who compares by some pictures, and no more: samples are whole maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from queue import Full, Queue
from threading import Event, Lock, Thread
from typing import Protocol

from deepmark.exporter.parity import ParitySample
from deepmark.exporter.pictures import ParityPicture
from deepmark.runtime.closing import Closing
from deepmark.runtime.manifest import Manifest

AHEAD_BYTES = 128 << 20  # of the maps that one stage may have ready; a sample of the demo network takes 7 MB at 256x256
_LOOK_S = 0.05  # a stage that waits for room looks so often whether it is still wanted


class Stage(Protocol):
    """A form of the network, wherever it runs: `ChainStage` or `deepmark.exporter.stage_process.StageProcess`."""

    def sample(self, picture: ParityPicture, manifest: Manifest) -> ParitySample:
        """Run on a picture and decode."""


Opening = Callable[[], AbstractContextManager[Stage]]


class StageRuns(Closing):
    """Stages that have been started, in their order in the chain.

    Args:
        pictures: pictures that every stage runs on.
        manifest: how pictures are prepared and heads decoded.
        at_once: whether stages compute at the same time; otherwise they take turns, and what they need for a picture
            is never there twice.
    """

    def __init__(self, pictures: Sequence[ParityPicture], manifest: Manifest, *, at_once: bool = True) -> None:
        self._pictures = pictures
        self._manifest = manifest
        self._turn: AbstractContextManager[object] = nullcontext() if at_once else Lock()
        self._ahead = _pictures_ahead(pictures, manifest) if at_once else 1
        self._runs: dict[str, _StageRun] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stages that have been started, in that order."""
        return tuple(self._runs)

    def start(self, name: str, opening: Opening) -> None:
        """Open a stage in a thread of its own, and let it run on all pictures; errors come out of `samples`."""
        self._runs[name] = _StageRun(opening, self._pictures, self._manifest, self._turn, self._ahead)

    def samples(self) -> Iterator[tuple[ParityPicture, list[ParitySample]]]:
        """Give each picture with what every stage gave for it, in order; once.

        Raises:
            Exception: what the first stage, of those that failed at this picture or before, raised.
        """
        for picture in self._pictures:
            yield picture, [run.next_sample() for run in self._runs.values()]

    def close(self) -> None:
        """Let all stages end after the picture that they are at, and wait for that."""
        for run in self._runs.values():
            run.stop()
        for run in self._runs.values():
            run.join()


class _StageRun:
    def __init__(
        self,
        opening: Opening,
        pictures: Sequence[ParityPicture],
        manifest: Manifest,
        turn: AbstractContextManager[object],
        ahead: int,
    ) -> None:
        self._opening, self._pictures, self._manifest, self._turn = opening, pictures, manifest, turn
        self._ready: Queue[ParitySample | BaseException] = Queue(ahead)
        self._stopped = Event()
        self._thread = Thread(target=self._work, name="deepmark-stage", daemon=True)
        self._thread.start()

    def next_sample(self) -> ParitySample:
        found = self._ready.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        try:
            with ExitStack() as opened:
                with self._turn:
                    stage = opened.enter_context(self._opening())
                for picture in self._pictures:
                    if self._stopped.is_set():
                        return
                    with self._turn:
                        sample = stage.sample(picture, self._manifest)
                    self._hand_over(sample)
        except BaseException as error:  # noqa: BLE001  raised again by `next_sample`, in the thread that asks
            self._hand_over(error)

    def _hand_over(self, sample: ParitySample | BaseException) -> None:
        while not self._stopped.is_set():
            try:
                self._ready.put(sample, timeout=_LOOK_S)
            except Full:
                continue
            return


def _pictures_ahead(pictures: Sequence[ParityPicture], manifest: Manifest) -> int:
    """Return how many pictures a stage may be ahead, at least 1."""
    pixels = max((picture.image.shape[0] * picture.image.shape[1] for picture in pictures), default=1)
    channels = sum(manifest.heads.tensors.values())
    return max(1, AHEAD_BYTES // (4 * channels * pixels // manifest.heads.stride**2))
