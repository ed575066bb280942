"""How long the labels of a whole validation set take.

Writes annotation files of drawn scenes, then takes the time to list, parse and check them, and the memory for it.

Examples:
  python -m deepmark.benchmarks.studies label_reading --count 5000
"""

from __future__ import annotations

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from itertools import cycle, islice
from pathlib import Path

from deepmark.benchmarks.speed.memory import peak_rss_mib
from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import print_json, say

VALIDATION_SET = 32_153  # pictures of DeepFashion2's
DIFFERENT = 400  # documents, written again and again under other numbers
SEED, SIDE = 3, 256


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    add_count(parser, "--count", VALIDATION_SET, "Annotation files.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    found = measure(options.count)
    if options.as_json:
        print_json(found)
    else:
        say("\n".join(f"{name}: {value}" for name, value in found.items()))


def measure(count: int) -> dict[str, str | float]:
    """Write so many annotation files, read them all, and return figures by their names."""
    from deepmark.models.datasets.deepfashion2 import open_dataset
    from deepmark.models.datasets.drawings import sketch
    from deepmark.models.datasets.drawings.annotation import document

    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        annos = Path(folder) / "annos"
        annos.mkdir()
        texts = [
            json.dumps(document(sketch(SEED, number, SIDE)[1], pair_id=number, shop=False))
            for number in range(1, min(count, DIFFERENT) + 1)
        ]
        for number, text in enumerate(islice(cycle(texts), count), 1):
            (annos / f"{number:06d}.json").write_text(text, encoding="utf-8")
        before, start = peak_rss_mib(), time.perf_counter()
        labels = open_dataset(Path(folder)).read_all()
        seconds = time.perf_counter() - start
    return {
        "machine": machine_name(),
        "files": len(labels.annotations),
        "items": sum(len(one.items) for one in labels.annotations),
        "seconds": round(seconds, 2),
        "peak_mib": round(peak_rss_mib(), 1),
        "peak_before_mib": round(before, 1),
    }
