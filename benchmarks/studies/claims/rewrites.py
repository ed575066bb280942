"""What MNN gains by the rewritten network: its model against one converted from the paper's own graph, in turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmark.benchmarks.result.statistics import median_of_ratios
from deepmark.benchmarks.studies.claims.claim import Claim
from deepmark.benchmarks.studies.support.turn_times import time_in_turns
from deepmark.runtime.bundle import MODEL_FILES

GOAL = "<= 0.93"
SEED = 0


def rewritten_row(bundle: Path, folder: Path, *, size: int, rounds: int) -> Claim:
    """Divide the network that MNN gets by the one that users see as ONNX, both in MNN with one thread.

    Args:
        bundle: folder of a bundle with both models.
        folder: folder to write into.
        size: side of the input, in pixels.
        rounds: pairs of runs.

    Raises:
        DeepMarkError: a model cannot be converted or run.
    """
    from deepmark.exporter.to_mnn import convert_to_mnn
    from deepmark.runtime.engines.mnn import MnnSession

    plain = folder / "plain.mnn"
    convert_to_mnn(bundle / MODEL_FILES["onnxruntime"], plain)
    sessions = [MnnSession(path, 1) for path in (bundle / MODEL_FILES["mnn"], plain)]
    x = np.random.default_rng(SEED).normal(size=(1, 3, size, size)).astype(np.float32)
    for session in sessions:
        session.run(x)
    times = time_in_turns([lambda one=one: one.run(x) for one in sessions], rounds)  # type: ignore[misc]
    for session in sessions:
        session.close()
    wall, processor = (median_of_ratios(table[:, 0] / table[:, 1]) for table in (times.wall, times.processor))
    return Claim.of("rewritten / plain network, mnn sparse", wall, GOAL, processor=processor.value)
