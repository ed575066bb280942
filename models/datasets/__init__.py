"""Labelled pictures: DeepFashion2 as it was released, drawings in its format, and COCO's own label files."""
