"""Detect in many inputs: one that fails does not stop the others, and every result is written as it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.runtime.drawing.annotate import annotate
from deepmark.runtime.drawing.contact_sheet import MAX_TILES, Tile, fill_tile
from deepmark.runtime.media.output_folder import OutputFolder
from deepmark.runtime.media.records import FrameRecord, object_records
from deepmark.runtime.media.sources import Camera, Source, open_source

if TYPE_CHECKING:
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.media.window import Window

Image = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Outcome:
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
class Batch:
    """How to process inputs.

    Attributes:
        detector: finds garments.
        output: where results go.
        on_frame: called after every frame, with whether it is a still picture.
        window: shows every frame, or None.
        tiles: whether to draw tiles for a contact sheet.
    """

    detector: Detector
    output: OutputFolder
    on_frame: Callable[[FrameRecord, bool], None]
    window: Window | None = None
    tiles: bool = False

    def run(self, sources: Sequence[Source]) -> Outcome:
        """Process all sources. Ctrl-C ends a camera, which has no other end; elsewhere it ends the run.

        Raises:
            DeepMarkError: results cannot be written, or the engine failed.
        """
        outcome = Outcome()
        with self.output.opened(sources) as append:
            for source in sources:
                try:
                    going_on = self._process(source, outcome, append)
                except DataError as error:
                    outcome.failures.append((source, error))
                    continue
                except KeyboardInterrupt:
                    if not isinstance(source, Camera):
                        raise
                    continue
                if not going_on:
                    break
        return outcome

    def _process(self, source: Source, outcome: Outcome, append: Callable[[FrameRecord], None]) -> bool:
        """Process one source. Returns whether to go on with the next: False once the window was closed."""
        with open_source(source) as stream:
            name, still = self.output.name_for(source), stream.rate is None
            with self.output.writer(name, stream.rate) as write:
                for number, image in enumerate(stream.frames):
                    detections = self.detector(image)
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
