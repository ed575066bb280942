"""Heads become detections: CenterNet's decoding and the paper's four techniques, in pure NumPy."""
