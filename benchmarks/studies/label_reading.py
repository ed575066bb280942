"""How long the labels of a whole validation set take: ``python -m deepmark.benchmarks.studies.label_reading``."""

from __future__ import annotations

import json
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import click

from deepmark.benchmarks.speed.memory import peak_rss_mib
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import output_options, print_json, run, say

VALIDATION_SET = 32_153  # pictures of DeepFashion2's
DIFFERENT = 400  # documents, written again and again under other numbers
SEED, SIDE = 3, 256


@click.command(epilog="Example:  python -m deepmark.benchmarks.studies.label_reading --count 5000")
@click.option("--count", type=click.IntRange(1), default=VALIDATION_SET, show_default=True, help="Annotation files.")
@output_options
def main(count: int, as_json: bool) -> None:
    """Write annotation files of drawn scenes, then time how long they take to be listed, parsed and checked."""
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
    found = {
        "machine": machine_name(),
        "files": len(labels.annotations),
        "items": sum(len(one.items) for one in labels.annotations),
        "seconds": round(seconds, 2),
        "peak_mib": round(peak_rss_mib(), 1),
        "peak_before_mib": round(before, 1),
    }
    if as_json:
        print_json(found)
    else:
        say("\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    run(main, "python -m deepmark.benchmarks.studies.label_reading")
