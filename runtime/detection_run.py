"""Detect in many inputs: one that fails does not stop the others, and every result is written as it comes.

Reading, detecting and drawing overlap: each has a thread, and works a few frames ahead of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.contact_sheet import MAX_TILES, Tile, fill_tile
from deepmark.runtime.drawing.overlay import annotate
from deepmark.runtime.media.look_ahead import look_ahead
from deepmark.runtime.media.output_folder import OutputFolder
from deepmark.runtime.media.records import FrameRecord, object_records
from deepmark.runtime.media.sources import CameraSource, Source, open_source

if TYPE_CHECKING:
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.media.window import Window

Step = TypeVar("Step")

FRAMES_AHEAD = 2  # that wait between two stages: one is in the making, and pictures of a phone are 36 MB


class _Frame(NamedTuple):
    """A frame that was read."""

    place: int  # of its source among all
    number: int
    image: Image8
    rate: float | None


class _Found(NamedTuple):
    """What was found in a frame."""

    place: int
    frame: _Frame
    detections: Detections


class _Failure(NamedTuple):
    """The end of a source that something is wrong with."""

    place: int
    error: DataError


@dataclass(slots=True)
class RunSummary:
    """What came of a run.

    Attributes:
        frames: number of frames that were processed.
        objects: number of garments found in them.
        failures: inputs that could not be processed, or not to their end, each with the reason.
        tiles: the first frame of every input, drawn for a contact sheet; the first `MAX_TILES` of them.
    """

    frames: int = 0
    objects: int = 0
    failures: list[tuple[Source, DataError]] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DetectionRun:
    """How to process inputs.

    Attributes:
        detector: finds garments.
        output: where results go.
        on_frame: called after every frame, with whether it is a still picture.
        window: shows every frame, or None.
        tiles: whether to draw tiles for a contact sheet.
        ahead: number of frames that may wait for detecting, and for drawing; 0 does one thing after another. A camera
            is never read ahead: its frames would be old.
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
        outcome = RunSummary()
        with self.output.opened(sources) as append:
            for camera, group in groupby(enumerate(sources), _place_of_camera):
                try:
                    going_on = self._process(list(group), self.ahead if camera is None else 0, outcome, append)
                except KeyboardInterrupt:
                    if camera is None:
                        raise
                    continue
                if not going_on:
                    break
        return outcome

    def _process(
        self,
        sources: Sequence[tuple[int, Source]],
        ahead: int,
        outcome: RunSummary,
        append: Callable[[FrameRecord], None],
    ) -> bool:
        """Process sources, each with its place. Returns whether to go on: False once the window was closed."""
        given_up: set[int] = set()  # places of sources that shall not be read on
        frames = _in_advance(self._detect(_in_advance(_read(sources, given_up), ahead)), ahead)
        with closing(frames):
            for (place, source), (_, arrivals) in zip(sources, groupby(frames, lambda one: one.place), strict=True):
                try:
                    if not self._finish(source, arrivals, outcome, append):
                        return False
                except DataError as error:
                    given_up.add(place)
                    outcome.failures.append((source, error))
        return True

    def _detect(self, frames: Generator[_Frame | _Failure]) -> Generator[_Found | _Failure]:
        with closing(frames):
            for frame in frames:
                if isinstance(frame, _Failure):
                    yield frame
                    continue
                try:
                    detections = self.detector(frame.image)
                except DataError as error:
                    yield _Failure(frame.place, error)
                else:
                    yield _Found(frame.place, frame, detections)

    def _finish(
        self,
        source: Source,
        arrivals: Iterator[_Found | _Failure],
        outcome: RunSummary,
        append: Callable[[FrameRecord], None],
    ) -> bool:
        """Draw, write and show the frames of one source; likewise."""
        first = next(arrivals)
        if isinstance(first, _Failure):
            raise first.error
        rate = first.frame.rate
        name, still = self.output.name_for(source), rate is None
        with self.output.writer(name, rate) as write:
            for found in chain((first,), arrivals):
                if isinstance(found, _Failure):
                    raise found.error
                _, (_, number, image, _), detections = found
                drawn = annotate(image, detections, self.detector.schema)
                write(drawn)
                height, width = image.shape[:2]
                objects = object_records(detections, self.detector.schema)
                record = FrameRecord(source.name, number, width, height, name, objects)
                append(record)
                outcome.frames += 1
                outcome.objects += len(detections)
                if self.tiles and number == 0 and len(outcome.tiles) < MAX_TILES:
                    outcome.tiles.append(Tile(fill_tile(image, detections, self.detector.schema), name))
                self.on_frame(record, still)
                if self.window and not self.window.show(drawn, still=still):
                    return False
        return True


def _place_of_camera(one: tuple[int, Source]) -> int | None:
    place, source = one
    return place if isinstance(source, CameraSource) else None


def _read(sources: Sequence[tuple[int, Source]], given_up: AbstractSet[int]) -> Generator[_Frame | _Failure]:
    """Read all frames of all sources; each source gives at least one frame or failure."""
    for place, source in sources:
        try:
            with open_source(source) as stream:
                for number, image in enumerate(stream.frames):
                    yield _Frame(place, number, image, stream.rate)
                    if place in given_up:
                        break
        except DataError as error:
            yield _Failure(place, error)


def _in_advance(frames: Generator[Step], depth: int) -> Generator[Step]:
    return look_ahead(frames, depth) if depth else frames
