"""DeepFashion2 as it was released: ``image/NNNNNN.jpg`` and ``annos/NNNNNN.json``, in a folder or in the official zip.

The official converter's COCO file is read too, instead of ``annos/``; it says less.
The data may not be redistributed, so nothing here was tested on the real files; `deepmark synth` draws the same format.
Nothing here imports torch: training and evaluation read through the same code.
"""

from deepmark.models.datasets.deepfashion2.annotation import ATTRIBUTES, Annotation, Item, read_annotation
from deepmark.models.datasets.deepfashion2.dataset import Dataset, Labels, open_dataset

__all__ = ["ATTRIBUTES", "Annotation", "Dataset", "Item", "Labels", "open_dataset", "read_annotation"]
