"""The whole chain: checkpoint -> network -> ONNX -> MNN -> parity -> bundle."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deepmark.errors import BundleError, UsageError
from deepmark.exporter.conversion import calibrated_deformable, convert_network, mnn_source, shipped_onnx
from deepmark.exporter.formats import DEFAULT_DCN, DEFAULT_TARGET, MNN, ONNX
from deepmark.exporter.parity import ParityReport, ParitySample, Tolerances
from deepmark.exporter.precision.plan import Limits, PrecisionPlan, make_plan
from deepmark.exporter.request import ExportRequest, check_size, make_request
from deepmark.exporter.staging import publish, refuse_foreign, staged_folder, write_bundle, write_zip
from deepmark.runtime.bundle import HEADS_FILE
from deepmark.runtime.input_fit import DEFAULT_FIT, FITS, Fit
from deepmark.runtime.keypoints.head_names import DEFAULT_LAYOUT

if TYPE_CHECKING:
    from deepmark.exporter.pictures import ParityPicture
    from deepmark.exporter.precision.calibration import CalibrationSet
    from deepmark.exporter.stage_process import StageProcesses
    from deepmark.models.loading import LoadedNetwork
    from deepmark.models.recognition.deformed import MaskFactor
    from deepmark.runtime.bundle import Backend
    from deepmark.runtime.decoding.params import DecoderParams
    from deepmark.runtime.heads.weights import HeadArchive
    from deepmark.runtime.keypoints.schema import KeypointSchema
    from deepmark.runtime.manifest import Manifest, WinogradLevel
    from deepmark.runtime.provenance import Quantisation

logger = logging.getLogger(__name__)

# MNN's fast convolutions keep transformed kernels: a session of Hourglass-104 (.78 GB of weights) at 256x256 holds
# 2.3 GB with them and .75 GB without.
WINOGRAD_GROWTH = 3
WINOGRAD_LIMIT_BYTES = 1 << 30

# Larger networks are compared after all files are written, one stage at a time: torch's exporter and MNN's converter
# hold several copies of the weights for a while, and sessions and maps of other stages beside them would add to that.
AT_ONCE_LIMIT_BYTES = 256 << 20

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A finished export.

    Attributes:
        path: folder ``NAME.deepmark``.
        parity: how equal every step is to the one before.
        manifest: manifest as it stands in the folder.
        zip_path: bundle as one file; None where it was not asked for.
        finding: first tensor that differs, in words; None where it was not looked for.
    """

    path: Path
    parity: ParityReport
    manifest: Manifest
    zip_path: Path | None
    finding: str | None


def export(
    checkpoint: str | Path,
    to: Iterable[str] = ("mnn",),
    output: str | Path | None = None,
    *,
    size: int | tuple[int, int] = 256,
    name: str | None = None,
    dynamic: bool = True,
    fit: Fit | None = None,
    simplify: bool = False,
    logits: bool = False,
    schema: KeypointSchema | None = None,
    dcn_mask: MaskFactor | None = None,
    decoder: DecoderParams | None = None,
    images: str | Path | None = None,
    tolerances: Tolerances | None = None,
    heads: str = DEFAULT_LAYOUT,
    dcn: str = DEFAULT_DCN,
    target: str = DEFAULT_TARGET,
    precision: str = "fp32",
    calibration: str | Path | None = None,
    keep_float: Iterable[str] = (),
    limits: Limits | None = None,
    zip_too: bool = False,
    explain: bool = False,
    on_progress: Progress = logger.info,
) -> ExportResult:
    """Export a checkpoint, prove every step equal, and write the bundle; all of it or nothing.

    Args:
        checkpoint: file that `load_checkpoint` takes.
        to: names of `deepmark.exporter.formats.FORMATS`.
        output: folder for the bundle; None for the current one. A bundle of the same name is replaced.
        size: side, or height and width, in pixels, multiples of what the network asks for: 32, of an
            hourglass 128.
        name: name of the model; None for the checkpoint's, without its suffix.
        dynamic: whether the model takes any other size too.
        fit: whether programs that use the bundle give the network inputs of each picture's shape, where they are not
            told otherwise; None for `DEFAULT_FIT`, and ``"square"`` for a model of one size.
        simplify: whether onnxsim runs on the ONNX model.
        logits: whether the sigmoid of ``hm`` and ``hm_hp`` is left out of the graph; int8 always does that.
        schema: keypoint schema; None for the built-in one with the checkpoint's counts.
        dcn_mask: factor of the mask of variant H (`load_checkpoint`); None for every other checkpoint.
        decoder: parameters to decode with; None for those of `default_params`.
        images: folder of pictures to compare on; None for those at hand, see `deepmark.exporter.pictures`.
        tolerances: allowed differences between two steps; None for the defaults.
        heads: layout of the graph, ``"dense"`` or ``"sparse"``: which heads it gives (`LAYOUTS`).
        dcn: form of deformable convolutions in the ONNX file, of `deepmark.exporter.formats.DCN_FORMS`. MNN, which has
            no such operator, always gets a decomposed graph of its own.
        target: processor that MNN's model is written for, of `deepmark.exporter.formats.TARGETS`.
        precision: name of `deepmark.exporter.formats.PRECISIONS`.
        calibration: folder of pictures for int8; None for drawings.
        keep_float: modules whose convolutions stay in float in int8, such as ``"hm"`` or ``"base.level0"``.
        limits: largest cost of a precision; None for the defaults.
        zip_too: whether ``NAME.deepmark.zip`` is written, too.
        explain: whether the first tensor that differs is looked for, step by step through the graph.
        on_progress: function that gets one line at each step.

    Raises:
        UsageError: the request makes no sense.
        CheckpointError: the file cannot be exported.
        ConversionError: a converter failed.
        ParityError: a step changed the network, or the precision costs more than it may; nothing is left in ``output``.
        BundleError: the bundle cannot be written.
    """
    request = make_request(checkpoint, to, output, name, size, heads, dcn, target)
    plan = make_plan(precision, request.formats, calibration=calibration, keep_float=keep_float, limits=limits)
    _require_target(plan, target)
    fit = _require_possible(fit, dynamic=dynamic)
    refuse_foreign(request.bundle)
    if zip_too and request.zip_file.is_dir():
        raise BundleError(f"{request.zip_file} is a folder", hint="move it away, or choose another --name or --output")
    from deepmark.exporter.stage_process import StageProcesses

    with staged_folder(request.bundle) as work, StageProcesses(_expected(request, plan)) as processes:
        # Imported only here: a wrong request is answered before torch has loaded.
        from deepmark.exporter.first_difference import find_first_difference
        from deepmark.exporter.pictures import gather_pictures
        from deepmark.exporter.precision.calibration import gather_calibration
        from deepmark.models.describe import describe
        from deepmark.models.loading import load_checkpoint
        from deepmark.runtime.preprocess import normalise

        inputs = gather_calibration(plan.calibration, request.size) if plan.precision.calibrated else None
        on_progress(f"loading {request.checkpoint}")
        loaded = load_checkpoint(request.checkpoint, schema, dcn_mask=dcn_mask)
        check_size(request.size, multiple=loaded.multiple, parameters=loaded.report.parameters)
        archive = _archive(loaded, on_progress) if request.heads == "sparse" else None
        manifest = describe(
            loaded,
            request.name,
            request.size,
            dynamic=dynamic,
            fit=fit,
            logits=logits or plan.precision.calibrated,
            decoder=decoder,
            archive=archive,
            precision=plan.precision.name,
            joined=request.target == "gpu",
        )
        others = {HEADS_FILE: archive.content} if archive else {}
        for file, content in others.items():
            (work / file).write_bytes(content)  # where the engines look for it, beside the graphs
        pictures = gather_pictures(
            None if images is None else Path(images),
            request.checkpoint,
            request.size,
            multiple=manifest.input.multiple,
            dynamic=dynamic,
        )
        levels = _levels(loaded, request, plan, on_progress)
        copies = 1 + simplify + len(levels) * len(request.formats) + plan.reduced + zip_too
        _require_room(work, loaded, copies=copies)
        convert = partial(convert_network, loaded, work, request, simplify=simplify, on_progress=on_progress)
        prove = partial(
            _convert_and_prove, loaded, convert, pictures, tolerances or Tolerances(), processes, on_progress
        )
        manifest, files, report, vectors = _first_proven(manifest, levels, prove, on_progress)
        finding = None
        if explain:
            on_progress("looking for the first tensor that differs")
            finding = find_first_difference(loaded.network, files, normalise(pictures[0].image, manifest.preprocess))
        report.require(hint=finding or "run again with --explain: it names the first tensor that differs")
        if plan.reduced:
            files, quantisation, vectors = _reduce(files, manifest, plan, inputs, pictures, on_progress)
            manifest = msgspec.structs.replace(manifest, quantisation=quantisation)

        on_progress(f"writing {request.bundle}")
        folder = _collect(work, files, request)
        complete = write_bundle(folder, manifest, report, others | vectors)
        if zip_too:
            write_zip(folder, request.bundle.name, work / "bundle.zip")
        publish(folder, request.bundle)
        if zip_too:
            (work / "bundle.zip").replace(request.zip_file)
        elif request.zip_file.exists():
            logger.warning("%s is of an earlier export and was left as it is", request.zip_file)
    return ExportResult(request.bundle, report, complete, request.zip_file if zip_too else None, finding)


def _expected(request: ExportRequest, plan: PrecisionPlan) -> list[Backend]:
    """Return the libraries of the files that will be compared, as far as the request tells."""
    if MNN not in request.formats:
        return [ONNX.backend]
    forms = 0 if plan.precision.calibrated else 1  # a graph of its own for MNN
    return [ONNX.backend] * (1 + forms) + [MNN.backend]


def _archive(loaded: LoadedNetwork, on_progress: Progress) -> HeadArchive:
    """Take the weights of the heads that a sparse graph leaves out, and say what that is worth."""
    from deepmark.models.compute import gathered_share
    from deepmark.models.describe import gathered_weights
    from deepmark.runtime.heads.weights import archive_heads

    share = gathered_share(loaded.network, (loaded.multiple, loaded.multiple))
    on_progress(f"sparse heads leave out at most {share:.0%} of the multiply-adds; --heads dense keeps them")
    return archive_heads(gathered_weights(loaded.network, loaded.report.heads))


def _require_target(plan: PrecisionPlan, target: str) -> None:
    """Refuse a precision that MNN computes on the CPU alone."""
    if plan.precision.calibrated and target != DEFAULT_TARGET:
        raise UsageError(
            f"MNN computes {plan.precision.name} on the CPU alone, not on a {target}",
            hint="leave --for out, or take --precision w8 or fp16",
        )


def _require_possible(fit: Fit | None, *, dynamic: bool) -> Fit:
    """Choose the fit; refuse pictures' shapes for a model of one size."""
    if fit not in {None, *FITS}:
        raise UsageError(f"unknown fit {fit!r}", hint=f"choose from {', '.join(FITS)}")
    if fit == "rect" and not dynamic:
        raise UsageError(
            "a model of one size takes no inputs of other shapes",
            hint="leave --fixed out, or --fit rect; --fixed --size HxW makes a model of one shape",
        )
    return fit or (DEFAULT_FIT if dynamic else "square")


def _levels(
    loaded: LoadedNetwork, request: ExportRequest, plan: PrecisionPlan, on_progress: Progress
) -> tuple[WinogradLevel | msgspec.UnsetType, ...]:
    """Return the Winograd levels at which MNN is tried.

    Fast convolutions round more than others; where that is more than an export may lose, as with some ResNets, and with
    the offsets of deformable networks, which carry it into positions, there is another try without them. Of large
    networks they would hold more than a phone gives a program.

    Raises:
        ConversionError: the precision is not for this network.
    """
    from deepmark.exporter.deform_conv import has_deformable

    weights = 4 * loaded.report.parameters
    if MNN in request.formats and weights * WINOGRAD_GROWTH > WINOGRAD_LIMIT_BYTES:
        on_progress(
            f"MNN runs it at Winograd level 0: fast convolutions would hold {weights * WINOGRAD_GROWTH / 1e9:.1f} GB of"
            f" transformed weights, more than the {WINOGRAD_LIMIT_BYTES / 1e9:.1f} GB that a phone should be asked for"
        )
        return (0,)
    if plan.precision.calibrated:
        if has_deformable(loaded.network):
            raise calibrated_deformable(plan.precision.name)
        return (msgspec.UNSET,)
    return (msgspec.UNSET, 0) if MNN in request.formats else (msgspec.UNSET,)


def _first_proven(
    manifest: Manifest,
    levels: Sequence[WinogradLevel | msgspec.UnsetType],
    prove: Callable[[Manifest], tuple[dict[str, Path], ParityReport, dict[str, bytes]]],
    on_progress: Progress,
) -> tuple[Manifest, dict[str, Path], ParityReport, dict[str, bytes]]:
    """Convert and prove with the first of MNN's Winograd levels at which all is equal, or else the last one."""
    for number, level in enumerate(levels):
        if number:
            on_progress(f"MNN differs: trying it at Winograd level {level}")
        manifest = msgspec.structs.replace(manifest, winograd_level=level)
        files, report, vectors = prove(manifest)
        if report.passed:
            break
    return manifest, files, report, vectors


def _require_room(folder: Path, loaded: LoadedNetwork, *, copies: int) -> None:
    """Refuse to begin where the models will not fit."""
    needed = 4 * loaded.report.parameters * copies
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BundleError(
            f"cannot write to {folder.parent}: the export needs {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free",
            hint="free some space, or choose another --output",
        )


def _convert_and_prove(
    loaded: LoadedNetwork,
    convert: Callable[..., dict[str, Path]],
    pictures: list[ParityPicture],
    tolerances: Tolerances,
    processes: StageProcesses,
    on_progress: Progress,
    manifest: Manifest,
) -> tuple[dict[str, Path], ParityReport, dict[str, bytes]]:
    """Write all model files and compare all stages on all pictures, each stage as soon as it is there.

    Returns:
        The files by the stage's name, the report, and golden vectors from what the network itself gave.
    """
    from deepmark.exporter.stage_runs import StageRuns
    from deepmark.exporter.stages import compare_samples, one_torch_thread, torch_stage, twin

    vectors: dict[str, bytes] = {}
    keep = _keeper(vectors, pictures, manifest)
    at_once = 4 * loaded.report.parameters <= AT_ONCE_LIMIT_BYTES
    with one_torch_thread(), StageRuns(pictures, manifest, at_once=at_once) as runs:

        def start(name: str, file: Path) -> None:
            runs.start(name, partial(processes.stage, file, name))

        def start_early(name: str, file: Path) -> None:
            if at_once:
                start(name, file)

        network = partial(torch_stage, twin(loaded.network), manifest.heads)
        if at_once:
            runs.start("torch", network)
        files = convert(manifest, on_file=start_early)
        on_progress(f"comparing {', '.join(('torch', *files))} on {len(pictures)} pictures")
        if not at_once:
            runs.start("torch", network)
        for name in files:
            if name not in runs.names:
                start(name, files[name])
        report = compare_samples(runs.names, runs.samples(), manifest, tolerances, keep)
    if not any(hop.objects.expected for hop in report):
        logger.warning("no picture shows an object, so only heads were compared: give better ones with --images")
    return files, report, vectors


def _keeper(
    vectors: dict[str, bytes], pictures: list[ParityPicture], manifest: Manifest
) -> Callable[[ParityPicture, ParitySample], None]:
    """Return what makes golden vectors of the pictures that it is shown and puts them into ``vectors``."""
    from deepmark.exporter.vectors import encode_vector, golden

    kept = golden(pictures, (manifest.input.height, manifest.input.width))

    def keep(picture: ParityPicture, sample: ParitySample) -> None:
        if picture in kept:
            vectors.update(encode_vector(kept.index(picture), picture, sample))

    return keep


def _reduce(
    files: Mapping[str, Path],
    manifest: Manifest,
    plan: PrecisionPlan,
    calibration: CalibrationSet | None,
    pictures: list[ParityPicture],
    on_progress: Progress,
) -> tuple[dict[str, Path], Quantisation, dict[str, bytes]]:
    """Make the model in the precision asked for, instead of fp32's; return its record and its own golden vectors."""
    from deepmark.exporter.precision.reduction import ProvenModel, reduce_precision

    target = files["mnn"].with_name("reduced.mnn")
    vectors: dict[str, bytes] = {}
    quantisation = reduce_precision(
        ProvenModel(mnn_source(files), files["mnn"], manifest),
        target,
        plan,
        calibration=calibration,
        pictures=pictures,
        on_sample=_keeper(vectors, pictures, manifest),
        on_progress=on_progress,
    )
    return {**files, "mnn": target}, quantisation, vectors


def _collect(work: Path, files: Mapping[str, Path], request: ExportRequest) -> Path:
    """Move the asked models into a folder of their own."""
    folder = work / "bundle"
    folder.mkdir()
    sources = {ONNX: shipped_onnx(files), MNN: files.get("mnn")}
    for one in request.formats:
        source = sources[one]
        assert source is not None
        source.rename(folder / one.file)
    return folder
