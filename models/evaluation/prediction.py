"""A model's detections in a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.landmark_layout import require_same_classes
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.store import HeadStore
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.detector import Detector
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_file import decode_picture
from deepmark.runtime.refinement.refiner import Refiner


def find_all(
    detector: Detector, dataset: Dataset, image_ids: Iterable[int], advance: Callable[[], None] = lambda: None
) -> tuple[ClassResults, ...]:
    """Look at pictures of a data set, one after the other.

    Args:
        detector: detector with a loaded model.
        dataset: data set, opened with its pictures.
        image_ids: numbers of the pictures.
        advance: function called after every picture.

    Returns:
        The detections, one entry per class.

    Raises:
        DataError: the model finds other classes than the data set has, or a picture cannot be read.
    """
    require_same_classes(detector.schema, dataset.schema)
    builder = ResultsBuilder(dataset.schema)
    for image_id in image_ids:
        content, source = dataset.picture(image_id)
        builder.add_detections(image_id, detector(decode_picture(content, source=source)))
        advance()
    return builder.build()


def detect_all(
    store: HeadStore,
    schema: KeypointSchema,
    params: DecoderParams,
    advance: Callable[[], None] = lambda: None,
    refine: Callable[[int, Detections], Detections] | None = None,
) -> tuple[ClassResults, ...]:
    """Decode heads that were computed before: what `find_all` finds with a detector of these parameters.

    Args:
        store: heads of the pictures.
        schema: classes and landmarks of the data set.
        params: parameters to decode and suppress with.
        advance: function called after every picture.
        refine: function that is given a picture's number and what was found in it, and returns it refined; None to
            take it as it is.

    Returns:
        The detections, one entry per class.
    """
    builder = ResultsBuilder(schema)
    for picture in store:
        found = picture.detect(params)
        builder.add_detections(picture.image_id, found if refine is None else refine(picture.image_id, found))
        advance()
    return builder.build()


def refining(refiner: Refiner, dataset: Dataset) -> Callable[[int, Detections], Detections]:
    """Return what refines detections in a data set's pictures, for `detect_all`.

    Args:
        refiner: loaded refiner.
        dataset: data set, opened with its pictures.
    """

    def refine(image_id: int, found: Detections) -> Detections:
        content, source = dataset.picture(image_id)
        return refiner(decode_picture(content, source=source), found)

    return refine
