"""One call that measures on a phone: models in, the same document of results out as of this computer."""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import msgspec

from deepmark import __version__
from deepmark.benchmarks.device.adb import Adb, choose, find_adb, list_devices
from deepmark.benchmarks.device.connected_phones import phone_lock
from deepmark.benchmarks.device.probe import identify, look
from deepmark.benchmarks.device.programs import NativeBuild, Power, Precision, Programs, build_for_phone
from deepmark.benchmarks.device.remote_folder import COMES_BACK_S, Place, prepared
from deepmark.benchmarks.device.rounds import MODEL, PICTURES, Cooling, Entry, Settings, measure, verify_all
from deepmark.benchmarks.result.document import FORMAT, Failure, Machine, Plan, Result
from deepmark.benchmarks.result.phone import Identity, Phone, State
from deepmark.benchmarks.result.verdict import obstacles, unusable
from deepmark.benchmarks.speed import samples
from deepmark.benchmarks.speed.contestants import Contestant, enter, open_models
from deepmark.benchmarks.speed.samples import encode_ppm
from deepmark.errors import BundleError, DeepMarkError, DeviceError
from deepmark.runtime.bundle import MANIFEST_NAME, MODEL_FILES, OpenedBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure on a phone.

    Attributes:
        models: paths of bundles.
        serial: of the phone; None where there is only one.
        sizes: height, width of the inputs; none: each model's own.
        threads: numbers of threads.
        precisions: asked of the engine.
        techniques: of the decoder, each one a contestant.
        power: mode of the engine.
        images: folder of pictures; None for the models' golden inputs.
        plan: how long to measure.
        keep: leave the folder on the phone.
        command: that is recorded in the result.
        build: makes the native programs.
        cooling: how to wait.
        comes_back_s: how long to wait for a phone that was lost.
        say: is told what happens.
    """

    models: tuple[Path, ...]
    serial: str | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    threads: tuple[int, ...] = (4,)
    precisions: tuple[Precision, ...] = ("fp32",)
    techniques: tuple[str, ...] = ("manifest",)
    power: Power = "normal"
    images: Path | None = None
    plan: Plan = field(default_factory=Plan)
    keep: bool = False
    command: str = ""
    build: Callable[[], NativeBuild] = build_for_phone
    cooling: Cooling = field(default_factory=Cooling)
    comes_back_s: float = COMES_BACK_S
    say: Callable[[str], None] = lambda _: None


def run_on_phone(request: Request) -> Result:
    """Measure on a phone and leave it as it was.

    Raises:
        DeviceError: no phone is usable, or it went away.
        ParityError: a result on the phone is wrong; nothing is timed then.
        DeepMarkError: a model cannot be read, the programs cannot be built, or nothing could be measured.
    """
    models, failures = open_models(request.models)
    usable = [model for model in models if _is_bundle(model)]
    failures += [_no_bundle(model) for model in models if not _is_bundle(model)]
    entered, unfit = enter(usable, "mnn", request.sizes, request.threads)
    failures += unfit
    if not entered:
        raise BundleError(failures[0].error, hint=failures[0].hint)
    path = find_adb()
    listed = choose(list_devices(path), request.serial)
    adb = Adb(path, listed.serial)
    with phone_lock(listed.serial), tempfile.TemporaryDirectory(prefix="deepmark-phone-") as folder:
        identity = identify(adb)
        _require_usable(identity, look(adb))
        entries = _entries(request, entered, "EMULATED " if identity.emulated else "")
        build = request.build()
        pictures = samples.gather(request.images, usable)
        request.say(f"measuring on {identity.title}; runtime: {build.runtime}")
        cores = _cores(identity, max(request.threads))
        created = datetime.now(UTC).isoformat(timespec="seconds")
        with prepared(adb, build.sha256[:12], keep=request.keep, comes_back_s=request.comes_back_s) as place:
            programs = Programs(place, build, cores)
            sent = _copy(place, build, entries, pictures, Path(folder))
            request.say(f"{sent} files copied to {place.folder}; running the test vectors there")
            verified = verify_all(programs, entries)
            start = look(adb)
            settings = Settings(
                request.plan, request.power, request.cooling, identity.clusters, build.runtime, request.say
            )
            measured, failed = measure(programs, entries, settings)
    failures += failed
    if not measured:
        raise DeepMarkError(failures[0].error, hint=failures[0].hint)
    return Result(
        format=FORMAT,
        created=created,
        command=request.command,
        program=__version__,
        machine=_machine(identity, start, build),
        plan=request.plan,
        pictures=pictures.record(),
        contestants=tuple(measured),
        failures=tuple(failures),
        phone=Phone(
            identity=msgspec.structs.replace(identity, serial=_short(identity.serial)),
            start=start,
            runtime=build.runtime,
            runtime_sha256=build.sha256,
            power=request.power,
            cores=cores,
            verified=verified,
        ),
    )


def _require_usable(identity: Identity, state: State) -> None:
    wrong = unusable(identity)
    if wrong is not None:
        raise DeviceError(f"{identity.title} cannot be used: {wrong}", hint="use an arm64 phone")
    reasons = tuple(obstacles(state))
    if reasons:
        raise DeviceError(f"{identity.title} is not fit for measuring: {'; '.join(reasons)}", hint="deepmark device")


def _is_bundle(model: OpenedBundle) -> bool:
    return MODEL in model.entries and model.path.suffix not in {".mnn", ".onnx"}


def _no_bundle(model: OpenedBundle) -> Failure:
    error = f"{model.path} is no bundle with {MODEL_FILES['mnn']}, which a phone needs"
    return Failure(name=str(model.path), kind="model", error=error, hint="deepmark export CHECKPOINT --to mnn")


def _entries(request: Request, entered: Sequence[Contestant], mark: str) -> list[Entry]:
    several = len(request.precisions) > 1, len(request.techniques) > 1
    found = []
    for base, precision, techniques in product(entered, request.precisions, request.techniques):
        label = mark + " ".join((base.name, *([precision] * several[0]), *([f"techniques {techniques}"] * several[1])))
        bundle = f"{base.model.entries[MODEL].sha256[:12]}.deepmark"
        found.append(Entry(replace(base, name=label), bundle, precision, techniques))
    return sorted(found, key=lambda one: (one.base.size, one.base.threads))


def _cores(identity: Identity, threads: int) -> tuple[int, ...]:
    """The big cores; all of them where there are fewer than threads."""
    everything = tuple(sorted(core for one in identity.clusters for core in one.cores))
    return identity.big_cores if len(identity.big_cores) >= threads else everything


def _copy(
    place: Place, build: NativeBuild, entries: Sequence[Entry], pictures: samples.SamplePictures, folder: Path
) -> int:
    files = {name: build.folder / name for name in build.files}
    for one in entries:
        for name in (MANIFEST_NAME, *one.base.model.entries):
            remote = f"{one.bundle}/{name}"
            if remote not in files and name != MODEL_FILES["onnxruntime"]:
                manifest = one.base.model.manifest
                content = manifest.to_json() if name == MANIFEST_NAME else one.base.model.read(name)
                files[remote] = _write(folder / remote, content)
    for number, image in enumerate(pictures.images):
        name = f"{PICTURES}/{number:03}.ppm"
        files[name] = _write(folder / name, encode_ppm(image))
    place.run(f"rm -rf {PICTURES}")  # those of an earlier run that was kept are not to be run on
    sent = place.copy(files)
    place.run(f"chmod 755 {' '.join(build.files)}")
    return sent


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _machine(identity: Identity, start: State, build: NativeBuild) -> Machine:
    cores = sum(len(one.cores) for one in identity.clusters)
    abi = identity.abis[0] if identity.abis else "arm64"
    return Machine(
        cpu=identity.title,
        cores=cores,
        usable_cores=cores,
        memory_mib=identity.memory_mib or start.memory_available_mib or 0,
        system=f"Android {identity.android or 'of unknown version'} {abi}",
        virtual=identity.emulated,
        governor=identity.clusters[-1].governor if identity.clusters else None,
        load=None,
        python=platform.python_version(),
        versions={"mnn": build.mnn_version},
    )


def _short(serial: str) -> str:
    """Tell phones apart in a document without naming them."""
    return hashlib.sha256(serial.encode()).hexdigest()[:12]
