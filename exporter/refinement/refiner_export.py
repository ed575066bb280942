"""The whole chain of a refiner: checkpoint -> network -> ONNX -> MNN -> parity in pixels -> bundle."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from deepmark import __version__
from deepmark.errors import BundleError, ParityError, UsageError
from deepmark.exporter.formats import FORMATS, MNN, ONNX, Format, Precision, choose_precision
from deepmark.exporter.request import ExportRequest, make_request
from deepmark.exporter.staging import file_entry, publish, refuse_foreign, staged_folder, write_zip
from deepmark.models.describe import LIBRARIES
from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.bundle import MANIFEST_NAME
from deepmark.runtime.manifest import SCHEMA_VERSION
from deepmark.runtime.refinement.refiner_bundle import open_refiner
from deepmark.runtime.refinement.refiner_engine import load_refiner_engine
from deepmark.runtime.refinement.refiner_manifest import RefinerHop, RefinerInput, RefinerManifest, RefinerPrecision

if TYPE_CHECKING:
    from deepmark.exporter.refinement.poses import PosedCrop
    from deepmark.models.refiner.checkpoint import LoadedRefiner

logger = logging.getLogger(__name__)

TOLERANCE_PX = 0.02  # of a landmark in the input: a hundredth of what a good one is off
HALF_TOLERANCE_PX = 0.2  # likewise, with weights in 16 bits
REFINER_PRECISIONS: tuple[RefinerPrecision, ...] = ("fp32", "fp16")


@dataclass(frozen=True, slots=True)
class RefinerExport:
    """A finished export.

    Attributes:
        path: folder ``NAME.deepmark``.
        manifest: manifest as it stands in the folder.
        zip_path: bundle as one file; None where it was not asked for.
    """

    path: Path
    manifest: RefinerManifest
    zip_path: Path | None


def export_refiner(
    checkpoint: str | Path,
    to: Iterable[str] = ("mnn",),
    output: str | Path | None = None,
    *,
    name: str | None = None,
    precision: str = "fp32",
    tolerance_px: float | None = None,
    zip_too: bool = False,
    on_progress: Callable[[str], None] = logger.info,
) -> RefinerExport:
    """Export a refiner, prove every step equal, and write the bundle; all of it or nothing.

    Args:
        checkpoint: file that `deepmark refiner train` made.
        to: names of `deepmark.exporter.formats.FORMATS`.
        output: folder for the bundle; None for the current one. A bundle of the same name is replaced.
        name: name of the model; None for the checkpoint's, without its suffix.
        precision: ``"fp32"``, or ``"fp16"`` for weights in 16 bits, for MNN.
        tolerance_px: largest distance between a landmark of two steps, in pixels of the input; None for the default.
        zip_too: whether ``NAME.deepmark.zip`` is written, too.
        on_progress: function that gets one line at each step.

    Raises:
        UsageError: the request makes no sense.
        CheckpointError: the file holds no refiner.
        ConversionError: a converter failed.
        ParityError: a step moved a landmark; nothing is left in ``output``.
        BundleError: the bundle cannot be written.
    """
    request = make_request(checkpoint, to, output, name, 32)
    if precision not in REFINER_PRECISIONS:
        raise UsageError(f"unknown precision {precision!r}", hint=f"choose one of {', '.join(REFINER_PRECISIONS)}")
    chosen = choose_precision(precision, request.formats)
    refuse_foreign(request.bundle)
    if zip_too and request.zip_file.is_dir():
        raise BundleError(f"{request.zip_file} is a folder", hint="move it away, or choose another --name or --output")
    with staged_folder(request.bundle) as work:
        from deepmark.exporter.refinement.poses import GOLDEN, gather_poses
        from deepmark.exporter.refinement.refiner_vectors import encode_pose
        from deepmark.models.refiner.checkpoint import load_refiner

        on_progress(f"loading {request.checkpoint}")
        loaded = load_refiner(request.checkpoint)
        manifest = _describe(loaded, request, precision)
        folder = work / request.bundle.name
        folder.mkdir()
        _convert(loaded, folder, request.formats, chosen, on_progress)
        crops = gather_poses(loaded)
        expected = _torch_points(loaded, crops)
        for number, (crop, points) in enumerate(zip(crops[:GOLDEN], expected, strict=False)):
            for file, content in encode_pose(number, crop, points).items():
                (folder / file).parent.mkdir(exist_ok=True)
                (folder / file).write_bytes(content)
        _write_manifest(folder, manifest)
        on_progress(f"comparing torch, {', '.join(one.name for one in request.formats)} on {len(crops)} poses")
        tolerance = tolerance_px if tolerance_px is not None else _default_tolerance(precision)
        hops = _compare(folder, crops, expected, request.formats, tolerance)
        complete = _write_manifest(folder, msgspec.structs.replace(manifest, parity=hops))
        on_progress(f"writing {request.bundle}")
        if zip_too:
            write_zip(folder, request.bundle.name, work / "bundle.zip")
        publish(folder, request.bundle)
        if zip_too:
            (work / "bundle.zip").replace(request.zip_file)
    return RefinerExport(request.bundle, complete, request.zip_file if zip_too else None)


def _default_tolerance(precision: str) -> float:
    return HALF_TOLERANCE_PX if precision == "fp16" else TOLERANCE_PX


def _describe(loaded: LoadedRefiner, request: ExportRequest, precision: str) -> RefinerManifest:
    from deepmark.models.refiner.checkpoint import count_channels

    config = loaded.config
    training = {name: str(value) for name, value in config.document().items() if value is not None}
    training.pop("password_file", None)
    training.pop("data", None)  # a path on somebody's machine
    return RefinerManifest(
        schema_version=SCHEMA_VERSION,
        name=request.name,
        created_by=f"deepmark {__version__}",
        backbone=config.backbone,
        precision="fp16" if precision == "fp16" else "fp32",
        input=RefinerInput(height=config.height, width=config.width, sigma=config.sigma),
        keypoints=loaded.schema,
        channels=loaded.channels,
        num_channels=count_channels(loaded.channels),
        source_sha256=loaded.sha256,
        training={**training, "steps_done": str(loaded.step)},
        versions={
            "deepmark": __version__,
            **{library: importlib.metadata.version(wheel) for library, wheel in LIBRARIES.items()},
        },
    )


def _convert(
    loaded: LoadedRefiner,
    folder: Path,
    formats: Sequence[Format],
    precision: Precision,
    on_progress: Callable[[str], None],
) -> None:
    from deepmark.exporter.refinement.refiner_onnx import export_refiner_onnx
    from deepmark.exporter.to_mnn import convert_to_mnn

    onnx = folder / ONNX.file
    on_progress("torch -> onnx")
    export_refiner_onnx(loaded, onnx)
    if MNN in formats:
        on_progress("onnx -> mnn")
        convert_to_mnn(onnx, folder / MNN.file, precision)
    if ONNX not in formats:
        onnx.unlink()


def _torch_points(loaded: LoadedRefiner, crops: Sequence[PosedCrop]) -> list[F32]:
    import torch

    from deepmark.models.refiner.network import RefinerGraph

    graph = RefinerGraph(loaded.network).eval()
    with torch.no_grad():
        return [
            graph(
                torch.from_numpy(crop.image.transpose(2, 0, 1)[None].astype(np.float32)),
                torch.from_numpy(crop.pose[None]),
            )[0].numpy()
            for crop in crops
        ]


def _compare(
    folder: Path, crops: Sequence[PosedCrop], expected: Sequence[F32], formats: Sequence[Format], tolerance: float
) -> tuple[RefinerHop, ...]:
    """Compare each format with the network, as everybody will load it.

    Raises:
        ParityError: names the format and by how far a landmark moved.
    """
    opened = open_refiner(folder)
    hops = []
    for one in formats:
        with load_refiner_engine(opened, 1, one.backend) as engine:
            found = [engine.points(crop.image, crop.pose) for crop in crops]
        distances = np.concatenate([_distances(a, b, c.pose) for a, b, c in zip(expected, found, crops, strict=True)])
        hops.append(hop := _hop("torch", one.name, len(crops), distances, tolerance))
        if not hop.passed:
            raise ParityError(
                f"{one.name} is not equal to torch: a landmark is up to {hop.max_error_px:.3g} px away,"
                f" allowed are {tolerance:g}",
                report=tuple(hops),
                hint="a network whose maps are flat moves easily: train it longer, or allow more with --tolerance",
            )
    return tuple(hops)


def _distances(expected: F32, found: F64, pose: F32) -> F64:
    given = pose[:, 2] > 0
    return np.asarray(np.sqrt(np.square(found[given] - expected[given]).sum(axis=1)))


def _hop(reference: str, candidate: str, poses: int, distances: F64, tolerance: float) -> RefinerHop:
    largest = float(distances.max())
    return RefinerHop(
        reference=reference,
        candidate=candidate,
        poses=poses,
        max_error_px=float(f"{largest:.3g}"),
        mean_error_px=float(f"{distances.mean():.3g}"),
        tolerance_px=tolerance,
        passed=largest <= tolerance,
    )


def verify_refiner(path: str | Path, *, threads: int | None = None) -> tuple[RefinerHop, ...]:
    """Run a bundle's golden vectors through every engine that it has a model for.

    Args:
        path: bundle that `open_refiner` takes.
        threads: number of threads to compute with, see `load_refiner_engine`; None for its default.

    Raises:
        BundleError: the bundle is damaged or has no vectors.
        ParityError: a landmark is not where it was when the bundle was made.
    """
    from deepmark.exporter.refinement.refiner_vectors import read_poses

    opened = open_refiner(path)
    vectors = read_poses(opened)
    tolerance = max((hop.tolerance_px for hop in opened.manifest.parity), default=TOLERANCE_PX)
    hops = []
    for backend in opened.weights:
        with load_refiner_engine(opened, threads, backend) as engine:
            moved = [engine.points(crop.image, crop.pose)[channels] - points for crop, channels, points in vectors]
        distances = [np.sqrt(np.square(one).sum(axis=1)) for one in moved]
        name = next(one.name for one in FORMATS.values() if one.backend == backend)
        hops.append(_hop("vectors", name, len(vectors), np.concatenate(distances), tolerance))
    failed = [hop for hop in hops if not hop.passed]
    if failed:
        raise ParityError(
            f"{failed[0].candidate} puts a landmark up to {failed[0].max_error_px:.3g} px from where it was when the"
            f" bundle was made, allowed are {tolerance:g}",
            report=tuple(hops),
            hint="copy the bundle again; another version of the engine may compute otherwise",
        )
    return tuple(hops)


def _write_manifest(folder: Path, manifest: RefinerManifest) -> RefinerManifest:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    listed: Mapping[str, Path] = {name: folder / name for name in names if name != MANIFEST_NAME}
    complete = msgspec.structs.replace(manifest, files={name: file_entry(path) for name, path in listed.items()})
    (folder / MANIFEST_NAME).write_bytes(complete.to_json())
    return complete
