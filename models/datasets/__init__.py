"""Labelled pictures: DeepFashion2 as it was released, and drawings in its format."""
