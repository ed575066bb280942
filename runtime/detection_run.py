"""Detect in many inputs: one that fails does not stop the others, and every result is written as it comes.

Reading, detecting and drawing overlap: each has a thread, and works a few frames ahead of the next.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from deepmark.errors import DataError, DeepMarkError, EngineError, is_out_of_memory
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.contact_sheet import MAX_TILES, Tile, fill_tile
from deepmark.runtime.drawing.overlay import annotate
from deepmark.runtime.media.output_folder import OutputFolder
from deepmark.runtime.media.picture_file import READ_HINT
from deepmark.runtime.media.records import FrameRecord, object_records
from deepmark.runtime.media.sources import CameraSource, EmptySource, Source, open_source

if TYPE_CHECKING:
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.media.window import Window

Item = TypeVar("Item")

logger = logging.getLogger(__name__)

_END = object()  # of a generator

NAMED_FAILURES = 10  # in one error
FRAMES_AHEAD = 2  # that wait between two stages: one is in the making, and pictures of a phone are 36 MB


class _Frame(NamedTuple):
    """A frame that was read."""

    source_index: int  # among all sources
    number: int
    image: Image8
    seconds: float  # since the beginning of its source
    rate: float | None


class _Found(NamedTuple):
    """What was found in a frame."""

    source_index: int
    frame: _Frame
    detections: Detections


class _Failure(NamedTuple):
    """The end of a source that something is wrong with."""

    source_index: int
    error: Exception


@dataclass(slots=True)
class RunSummary:
    """What came of a run.

    Attributes:
        frames: number of frames that were processed.
        objects: number of garments found in them.
        failures: inputs that could not be processed, or not to their end, each with the reason.
        tiles: drawings of the first frame of every input, for a contact sheet; at most `MAX_TILES`.
        notes: what is worth a word though nothing failed, one sentence each, which names its input.
    """

    frames: int = 0
    objects: int = 0
    failures: list[tuple[Source, DataError]] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def require_all(self, inputs: int) -> None:
        """Refuse a run that could not process all its inputs.

        Args:
            inputs: number of inputs.

        Raises:
            DataError: names those that failed, the first `NAMED_FAILURES` with their reasons.
        """
        failures = self.failures
        if not failures:
            return
        if inputs == 1:
            raise failures[0][1]
        reasons = "; ".join(str(error) for _, error in failures[:NAMED_FAILURES])
        more = f"; and {len(failures) - NAMED_FAILURES} more" if len(failures) > NAMED_FAILURES else ""
        hints = dict.fromkeys(error.hint for _, error in failures[:NAMED_FAILURES] if error.hint)
        raise DataError(
            f"{len(failures)} of {inputs} inputs failed, the others were processed: {reasons}{more}",
            hint="; ".join(hints) or None,
        )


@dataclass(frozen=True, slots=True)
class DetectionRun:
    """How to process inputs.

    Attributes:
        detector: finder of garments in a picture.
        output: folder of the results.
        on_frame: function called after every frame, with its record and whether it is a still picture.
        window: window that shows every frame; None for none.
        tiles: whether to draw tiles for a contact sheet.
        ahead: number of frames that may wait for detecting, and for drawing; with 0 one thing is done after another. A
            camera is never read ahead: its frames would be old.
    """

    detector: Detector
    output: OutputFolder
    on_frame: Callable[[FrameRecord, bool], None]
    window: Window | None = None
    tiles: bool = False
    ahead: int = FRAMES_AHEAD

    def run(self, sources: Sequence[Source]) -> RunSummary:
        """Process all sources. Ctrl-C ends a camera, which has no other end; elsewhere it ends the run.

        Raises:
            DeepMarkError: results cannot be written, or the engine failed.
        """
        summary = RunSummary()
        with self.output.opened(sources) as append:
            for camera, group in groupby(enumerate(sources), _index_of_camera):
                try:
                    going_on = self._process(list(group), self.ahead if camera is None else 0, summary, append)
                except KeyboardInterrupt:
                    if camera is None:
                        raise
                    continue
                if not going_on:
                    break
        return summary

    def _process(
        self,
        sources: Sequence[tuple[int, Source]],
        ahead: int,
        summary: RunSummary,
        append: Callable[[FrameRecord], None],
    ) -> bool:
        """Process sources, each with its index. Returns whether to go on: False once the window was closed."""
        given_up: set[int] = set()  # indices of sources that shall not be read on
        frames = _in_advance(self._detect(_in_advance(_read(sources, given_up, summary.notes), ahead)), ahead)
        with closing(frames):
            for (index, source), (_, arrivals) in zip(
                sources, groupby(frames, lambda one: one.source_index), strict=True
            ):
                try:
                    if not self._finish(source, arrivals, summary, append):
                        return False
                except Exception as error:  # noqa: BLE001  one input must not end the run
                    given_up.add(index)
                    summary.failures.append((source, _failure_of(error, source)))
        return True

    def _detect(self, frames: Generator[_Frame | _Failure]) -> Generator[_Found | _Failure]:
        with closing(frames):
            for frame in frames:
                if isinstance(frame, _Failure):
                    yield frame
                    continue
                try:
                    detections = self.detector(frame.image)
                except Exception as error:  # noqa: BLE001  likewise
                    yield _Failure(frame.source_index, error)
                else:
                    yield _Found(frame.source_index, frame, detections)

    def _finish(
        self,
        source: Source,
        arrivals: Iterator[_Found | _Failure],
        summary: RunSummary,
        append: Callable[[FrameRecord], None],
    ) -> bool:
        """Draw, write and show the frames of one source; likewise."""
        first = next(arrivals)
        if isinstance(first, _Failure):
            raise first.error
        assert not isinstance(source, EmptySource)  # it gave a frame
        rate = first.frame.rate
        name, still = self.output.name_for(source), rate is None
        with self.output.writer(name, rate) as write:
            for found in chain((first,), arrivals):
                if isinstance(found, _Failure):
                    raise found.error
                _, (_, number, image, seconds, _), detections = found
                drawn = annotate(image, detections, self.detector.schema)
                write(drawn, seconds)
                height, width = image.shape[:2]
                objects = object_records(detections, self.detector.schema)
                record = FrameRecord(source.name, number, round(seconds, 3), width, height, name, objects)
                append(record)
                summary.frames += 1
                summary.objects += len(detections)
                if self.tiles and number == 0 and len(summary.tiles) < MAX_TILES:
                    summary.tiles.append(Tile(fill_tile(image, detections, self.detector.schema), name))
                self.on_frame(record, still)
                if self.window and not self.window.show(drawn, still=still):
                    return False
        return True


def _failure_of(error: Exception, source: Source) -> DataError:
    """Tell what went wrong with a source, without the frames that hold its pixels; what is no fault of it is raised.

    Raises:
        DeepMarkError: the engine failed, or results cannot be written.
        OSError: likewise.
    """
    if isinstance(error, DataError):
        return type(error)(str(error), hint=error.hint)
    engine_without_memory = isinstance(error, EngineError) and is_out_of_memory(error)  # the next input may need less
    if isinstance(error, (DeepMarkError, OSError)) and not engine_without_memory:
        raise error
    logger.debug("%s failed", source.name, exc_info=error)
    if is_out_of_memory(error):
        return DataError(f"{source.name} needs more memory than there is", hint="make it smaller first")
    reason = " ".join(str(error).split())
    return DataError(f"{source.name} cannot be processed: {type(error).__name__}: {reason}", hint="-v shows where")


def _index_of_camera(one: tuple[int, Source]) -> int | None:
    index, source = one
    return index if isinstance(source, CameraSource) else None


def _read(
    sources: Sequence[tuple[int, Source]], given_up: AbstractSet[int], notes: list[str]
) -> Generator[_Frame | _Failure]:
    """Read all frames of all sources; each source gives at least one frame or failure. Adds to ``notes``."""
    for index, source in sources:
        try:
            with open_source(source) as stream:
                for number, (image, seconds) in enumerate(stream.frames):
                    yield _Frame(index, number, image, seconds, stream.rate)
                    if index in given_up:
                        break
                notes.extend(stream.notes)
        except OSError as error:
            yield _Failure(index, DataError(f"cannot read {source.name}: {error.strerror or error}", hint=READ_HINT))
        except Exception as error:  # noqa: BLE001  likewise
            yield _Failure(index, error)


def look_ahead(items: Generator[Item], depth: int) -> Generator[Item]:
    """Yield what ``items`` yields, in its order, while a thread already makes the next ones.

    What ``items`` raises is raised here, after the items before it. When this generator is closed, or ends in any other
    way, the thread finishes the item that it is making, ``items`` is closed, and the thread has ended.

    Args:
        items: generator that runs in the thread, one step at a time.
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


def _in_advance(frames: Generator[Item], depth: int) -> Generator[Item]:
    return look_ahead(frames, depth) if depth else frames
