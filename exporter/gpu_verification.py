"""Prove a bundle on a GPU: its golden vectors, at the precision that will run.

In fp32 a GPU is held to an export's own tolerances. In fp16 single values differ by more than that, and by the GPU, so
decoded objects decide there: nine of ten must be the same to the data set's metric, as for exports in another precision
(`deepmark.exporter.precision.agreement`). Heads have a bound of their own then, wide enough for rounding and not for
a wrong kernel; decision 38 has what was measured.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from deepmark.errors import BundleError
from deepmark.exporter.formats import FORMATS
from deepmark.exporter.parity import HopTally, ParityReport, Tolerances
from deepmark.exporter.precision.agreement import agree
from deepmark.exporter.precision.plan import MIN_KEPT
from deepmark.exporter.stages import ChainStage
from deepmark.exporter.vectors import read_vectors
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.engines.engine import EngineRecord
from deepmark.runtime.engines.gpu_settings import Gpu, GpuSettings
from deepmark.runtime.engines.loading import load_engine

# Of a head's largest value: twice the most that Vulkan's fp16 differed in the demo network (decision 38).
FP16_RTOL = 0.02
FP16_CELLS = 2.0  # a landmark whose peak was nearly a tie moved by 1.4 cells


class GpuVerification(msgspec.Struct, frozen=True):
    """What a verification on a GPU found.

    Attributes:
        bundle: path of the bundle.
        report: one hop, from what the network gave when the bundle was made.
        engine: what ran it, and where each operator ran.
        objects: number of objects of both sides.
        kept: number of those that the other side has, too, to the metric.
    """

    bundle: str
    report: ParityReport
    engine: EngineRecord
    objects: int
    kept: int


def fp16_tolerances() -> Tolerances:
    """Return how far a GPU that stores fp16 may differ."""
    return Tolerances(rtol=FP16_RTOL, landmark_cells=FP16_CELLS)


def verify_on_gpu(
    bundle: str | Path, gpu: Gpu, settings: GpuSettings, tolerances: Tolerances | None = None
) -> GpuVerification:
    """Run a bundle's golden vectors on a GPU and compare with what the network gave.

    Args:
        bundle: folder or zip.
        gpu: interface of the GPU.
        settings: how it computes.
        tolerances: allowed differences of heads and landmarks; None for those of an export in fp32, and for
            `fp16_tolerances` otherwise.

    Raises:
        BundleError: the bundle is damaged, or has no model for MNN.
        EngineError: it could not be proven that the GPU computes it.
        UsageError: the GPU would compute another network than this one.
    """
    model = open_bundle(bundle)
    if "mnn" not in model.weights:
        raise BundleError(f"{bundle} has no model for MNN", hint="export it with --to mnn")
    high = settings.precision == "high"
    manifest, kept, objects = model.manifest, 0, 0
    tally = HopTally(
        "torch" if manifest.precision == "fp32" else f"{manifest.precision} as exported",
        f"{next(one.name for one in FORMATS.values() if one.backend == 'mnn')} ({gpu})",
        spec=manifest.heads,
        schema=manifest.keypoints,
        params=manifest.decoder,
        tolerances=tolerances or (Tolerances() if high else fp16_tolerances()),
    )
    vectors = read_vectors(model)
    with load_engine(model, backend="mnn", compute=gpu, gpu=settings) as engine:
        stage = ChainStage.of("mnn", engine)
        for vector in vectors:
            sample = stage.sample(vector.picture, manifest)
            tally.add(vector.expected, vector.choose(sample))
            right, found = vector.expected.objects.detections, sample.objects.detections
            same = agree(right, found, manifest.keypoints, manifest.decoder.top_k)
            kept, objects = kept + same.kept, objects + same.objects
        record = engine.record
    hop = tally.result()
    if not high:
        heads = all(head.tolerance_used <= 1 for head in hop.heads)
        hop = msgspec.structs.replace(hop, passed=heads and kept >= MIN_KEPT * objects)
    return GpuVerification(str(bundle), ParityReport((hop,)), record, objects, kept)
