"""A measurement as one document: every sample, on what it was taken, and what follows from it.

Data flows one way: `document` and `phone` (what is written down) -> `statistics` -> `verdict` (whether it may be
believed) -> `figures` (what is shown) and `diff` (two documents). `formats` reads and writes the files.
"""
