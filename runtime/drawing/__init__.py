"""Detections on pictures, drawn to be looked at."""
