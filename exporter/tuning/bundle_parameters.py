"""Give a bundle other decoder parameters, and prove that it is still what it says it is.

The network stays, bit for bit, and so do the heads in the golden vectors. The objects in these follow from the
parameters: they are decoded anew, from the heads that the bundle's own engine gives here, which is first proven to
agree with the vectors. The bundle is exchanged in one step. What a model file carries inside itself, for use without
its bundle, stays as it was exported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deepmark import __version__
from deepmark.errors import BundleError
from deepmark.exporter.stages import THREADS, ChainStage
from deepmark.exporter.staging import file_entry, publish, staged_folder, write_zip
from deepmark.exporter.vectors import FOLDER, read_vectors, replace_objects
from deepmark.exporter.verification import verify
from deepmark.runtime.bundle import BUNDLE_SUFFIX, MANIFEST_NAME, OpenedBundle, open_bundle
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.engines.engine import EngineRecord
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.multi_inference import SINGLE, MultiInference
from deepmark.runtime.provenance import Tuning

if TYPE_CHECKING:
    from deepmark.exporter.tuning.parameter_search import TuneReport


def require_retunable(bundle: Path) -> None:
    """Refuse what `retune` could not write to, before the work that finds the parameters.

    Raises:
        BundleError: it is no bundle, or nothing can be written beside it.
    """
    if not bundle.is_dir() and not bundle.name.lower().endswith(".zip"):
        raise BundleError(
            f"{bundle} is no bundle: a bare model file carries its parameters inside itself, where they stay",
            hint=f"tune the folder NAME{BUNDLE_SUFFIX} or NAME{BUNDLE_SUFFIX}.zip",
        )
    read_vectors(open_bundle(bundle))
    try:
        with staged_folder(bundle.resolve()):
            pass
    except BundleError as error:
        raise BundleError(
            f"the parameters of {bundle} cannot be changed where it lies: {error}",
            hint="copy the bundle to a folder where you may write, or do without --write",
        ) from error


def retune(bundle: Path, decoder: DecoderParams, tuning: Tuning) -> Manifest:
    """Put decoder parameters into a bundle.

    Args:
        bundle: folder or zip; replaced whole, or left as it is.
        decoder: new parameters.
        tuning: search that the parameters come from.

    Returns:
        The new manifest.

    Raises:
        BundleError: it is no bundle, damaged, or cannot be written.
        EngineError: none of its engines is installed.
        ParityError: its engines do not give here what its vectors say, before or after.
    """
    require_retunable(bundle)
    target = bundle.resolve()  # a link to a bundle stays one
    model = open_bundle(target)
    _require_parity(target)
    changed = msgspec.structs.replace(model.manifest, decoder=decoder, tuning=tuning)
    documents = _decode_vectors(model, changed)
    with staged_folder(target) as work:
        folder = work / f"{changed.name}{BUNDLE_SUFFIX}"
        for name in model.entries:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(documents.get(name) or model.read(name))
        files = {name: file_entry(folder / name) for name in changed.files}
        complete = msgspec.structs.replace(changed, files=files)
        (folder / MANIFEST_NAME).write_bytes(complete.to_json())
        _require_parity(folder)
        if target.is_dir():
            publish(folder, target)
        else:
            write_zip(folder, folder.name, work / target.name)
            (work / target.name).replace(target)
    return complete


def store_parameters(
    bundle: Path, report: TuneReport, record: EngineRecord, inference: MultiInference = SINGLE
) -> Manifest:
    """Put found parameters into a bundle, with where they come from; see `retune`.

    Args:
        bundle: folder or zip; replaced whole, or left as it is.
        report: result of the search.
        record: engine that gave the heads which were searched on.
        inference: looks at each picture that these were the heads of.
    """
    points, boxes = report.over_start.points, report.over_start.boxes
    tuning = Tuning(
        by=f"deepmark {__version__}",
        backend=record.backend,
        annotations_sha256=report.truth_sha256,
        searched=report.searched.pictures,
        checked=report.checked.pictures,
        before=report.start,
        map_pt=None if points is None else (points.before, points.after),
        map_pt_gain=None if points is None else (points.low, points.high),
        map_box=(boxes.before, boxes.after),
        map_box_gain=(boxes.low, boxes.high),
        flip=inference.flip,
        scales=inference.scales,
        scales_mode=inference.scales_mode,
    )
    return retune(bundle, report.found, tuning)


def _require_parity(bundle: Path) -> None:
    """Require that every engine gives here what the vectors say."""
    hint = "engines here differ from those that made the bundle: export it again on this machine"
    verify(bundle).report.require(hint=hint)


def _decode_vectors(model: OpenedBundle, manifest: Manifest) -> dict[str, bytes]:
    """Decode the golden vectors as ``manifest`` says; their JSON by name."""
    names = sorted(name for name in model.entries if name.startswith(f"{FOLDER}/") and name.endswith(".json"))
    with load_engine(model, threads=THREADS) as engine:
        stage = ChainStage.of(engine.record.backend, engine)
        return {
            name: replace_objects(model.read(name), stage.sample(vector.picture, manifest).objects)
            for name, vector in zip(names, read_vectors(model), strict=True)
        }
