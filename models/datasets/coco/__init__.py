"""COCO's own label files: ``person_keypoints_*.json`` (17 points), ``instances_*.json`` (boxes alone)."""

from deepmark.models.datasets.coco.dataset import open_labels

__all__ = ["open_labels"]
