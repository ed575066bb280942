"""A model's detections in a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.landmark_layout import require_same_classes
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.store import HeadStore
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detector import Detector
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_file import decode_picture

TECHNIQUES = frozenset((1, 2, 3, 4))


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
    store: HeadStore, schema: KeypointSchema, params: DecoderParams, advance: Callable[[], None] = lambda: None
) -> tuple[ClassResults, ...]:
    """Decode heads that were computed before: what `find_all` finds with a detector of these parameters.

    Args:
        store: heads of the pictures.
        schema: classes and landmarks of the data set.
        params: parameters to decode and suppress with.
        advance: function called after every picture.

    Returns:
        The detections, one entry per class.
    """
    builder = ResultsBuilder(schema)
    for picture in store:
        builder.add_detections(picture.image_id, picture.detect(params))
        advance()
    return builder.build()


def with_techniques(params: DecoderParams, chosen: frozenset[int]) -> DecoderParams:
    """Switch off the paper's techniques that are not ``chosen``; the others keep their parameters.

    1: score from landmarks too, Eq. (1). 2: blur of the heatmaps, Eq. (2). 3: mean of both positions, Eq. (3).
    4: landmark search under a mask, Eq. (4).
    """
    plain = DecoderParams.baseline()
    if 1 not in chosen:
        params = replace(params, alpha=plain.alpha)
    if 2 not in chosen:
        params = replace(params, sigma_center=plain.sigma_center, sigma_keypoint=plain.sigma_keypoint)
    if 3 not in chosen:
        params = replace(params, gamma=plain.gamma)
    if 4 not in chosen:
        params = replace(params, mask=plain.mask)
    return params
