"""Labels of any format that can be evaluated: DeepFashion2's folder, zip and COCO file, and COCO's own files."""

from __future__ import annotations

from pathlib import Path

from deepmark.models.datasets.coco.annotations import CocoAnnotations
from deepmark.models.datasets.coco.categories import CocoCategories
from deepmark.models.datasets.coco_document import CocoDocument
from deepmark.models.datasets.deepfashion2 import Dataset, open_dataset
from deepmark.models.datasets.deepfashion2.coco import CocoFile
from deepmark.models.datasets.deepfashion2.dataset import AnnotationSource, is_coco_file, with_pictures
from deepmark.runtime.keypoints.schema import KeypointSchema


def open_labels(annotations: Path, images: Path | None = None, *, password: bytes | None = None) -> Dataset:
    """Open a data set; its schema and the rules of its metric follow from what the labels are.

    Args:
        annotations: what `open_dataset` takes; or COCO's ``person_keypoints_*.json``, or a COCO file without landmarks,
            such as ``instances_*.json``.
        images: folder or zip with the pictures; None to do without them.
        password: password of the zip; None where it has none.

    Raises:
        DataError: there is no such folder, zip or file, or its categories are none that can be evaluated.
    """
    if not is_coco_file(annotations):
        return open_dataset(annotations, images, password=password)
    document = CocoDocument(annotations)
    categories = CocoCategories.of(document)
    if categories is None:
        schema = KeypointSchema.deepfashion2()
        labels: AnnotationSource = CocoFile(document, schema)
    else:
        schema, labels = categories.schema, CocoAnnotations(document, categories)
    return with_pictures(labels, schema, annotations, images, password=password)
