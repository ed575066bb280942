"""The cache of heads keeps to its room: a large data set under many models would fill a disk unseen."""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

MOST_BYTES = 20 * 2**30  # the validation set of DeepFashion2 takes 6-10 GB a model
IN_USE_S = 24 * 3600.0  # a folder used so recently may belong to a program that runs
SUFFIX = ".heads"

logger = logging.getLogger(__name__)


def make_room(cache: Path, keep: Path, *, most: int = MOST_BYTES, now: float | None = None) -> None:
    """Remove the heads of models that were not used for longest, until the cache fits; what cannot go stays.

    Args:
        cache: folder with one folder of heads for each model; folders with other files in them are left alone.
        keep: the folder in use; it counts as used now.
        most: bytes that the cache may take.
        now: time in seconds since 1970; None for the clock's.
    """
    now = time.time() if now is None else now
    keep.mkdir(parents=True, exist_ok=True)
    os.utime(keep, (now, now))
    sizes = {folder: size for folder in cache.iterdir() if (size := _size(folder)) is not None}
    total = sum(sizes.values())
    for folder in sorted(sizes, key=lambda one: one.stat().st_mtime):
        if total <= most:
            return
        if folder == keep or now - folder.stat().st_mtime < IN_USE_S:
            continue
        logger.info("removing %s, %.1f GB of heads that were not used for longest", folder, sizes[folder] / 1e9)
        shutil.rmtree(folder, ignore_errors=True)
        total -= sizes[folder]


def _size(folder: Path) -> int | None:
    """Count the bytes of a folder of heads; None if it is none."""
    if not folder.is_dir():
        return None
    files = list(folder.iterdir())
    if not all(file.suffix == SUFFIX for file in files):
        return None
    return sum(file.stat().st_size for file in files)
