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
from deepmark.benchmarks.device.adb import find_adb
from deepmark.benchmarks.device.connected_phones import phone_lock, reach_phone
from deepmark.benchmarks.device.probe import read_identity, read_state
from deepmark.benchmarks.device.programs import PhoneBuild, PhonePrograms, Power, Precision, build_for_phone
from deepmark.benchmarks.device.remote_folder import RECONNECT_S, RemoteFolder, prepared_folder
from deepmark.benchmarks.device.rounds import PICTURES, Cooling, PhoneContestant, Settings, measure, verify_all
from deepmark.benchmarks.device.turns import MODEL
from deepmark.benchmarks.device.ways import Way, require_possible
from deepmark.benchmarks.result.document import FORMAT, BenchPlan, BenchResult, Failure, Machine
from deepmark.benchmarks.result.phone import Phone, PhoneIdentity, PhoneState
from deepmark.benchmarks.result.verdict import obstacles, unusable
from deepmark.benchmarks.speed import samples
from deepmark.benchmarks.speed.contestants import Contestant, enter, open_models, threads_in_words
from deepmark.benchmarks.speed.samples import encode_ppm
from deepmark.errors import BundleError, DeepMarkError, DeviceError
from deepmark.runtime.bundle import MANIFEST_NAME, MODEL_FILES, OpenedBundle
from deepmark.runtime.decoding.techniques import require_use
from deepmark.runtime.multi_inference import SINGLE, MultiInference


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRequest:
    """What to measure on a phone.

    Attributes:
        models: paths of bundles.
        serial: serial number of the phone; None where only one is connected.
        sizes: heights and widths of the input, in pixels; empty for each model's own.
        threads: numbers of threads.
        precisions: precisions to ask the CPU for; empty where it is not to compute.
        gpus: ways of the GPU, each a contestant, once a size whatever the numbers of threads are.
        find: whether every way that is not right on the phone is left out, so that the best of the others is found.
        techniques: sets of the decoder's techniques, each a contestant.
        inferences: ways to look at a picture, with or without a flip test, each a contestant.
        power: power mode of the engine.
        images: folder of pictures; None for the models' golden inputs.
        shape: width to height that pictures are cut to; None to leave them as they are.
        plan: how long to measure.
        keep: whether the folder stays on the phone.
        command: command line to record in the result.
        build: function that makes the native programs.
        cooling: how to wait for a cool phone.
        reconnect_s: longest wait for a phone that was lost, in seconds.
        on_message: function that gets a line for the reader whenever something happens.
    """

    models: tuple[Path, ...]
    serial: str | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    threads: tuple[int, ...] = (4,)
    precisions: tuple[Precision, ...] = ("fp32",)
    gpus: tuple[Way, ...] = ()
    find: bool = False
    techniques: tuple[str, ...] = ("manifest",)
    inferences: tuple[MultiInference, ...] = (SINGLE,)
    power: Power = "normal"
    images: Path | None = None
    shape: tuple[int, int] | None = None
    plan: BenchPlan = field(default_factory=BenchPlan)
    keep: bool = False
    command: str = ""
    build: Callable[[], PhoneBuild] = build_for_phone
    cooling: Cooling = field(default_factory=Cooling)
    reconnect_s: float = RECONNECT_S
    on_message: Callable[[str], None] = lambda _: None


def run_on_phone(request: PhoneRequest) -> BenchResult:
    """Measure on a phone and leave it as it was.

    Raises:
        UsageError: a model has no use for a technique.
        DeviceError: no phone is usable, or it went away.
        ParityError: a result on the phone is wrong; nothing is timed then.
        DeepMarkError: a model cannot be read, the programs cannot be built, or nothing could be measured.
    """
    models, failures = open_models(request.models)
    usable = [model for model in models if _is_bundle(model)]
    failures += [_no_bundle(model) for model in models if not _is_bundle(model)]
    entered, unfit = enter(usable, "mnn", request.sizes, request.threads, request.inferences)
    failures += unfit
    if not entered:
        raise BundleError(failures[0].error, hint=failures[0].hint)
    for model in usable:
        for techniques in request.techniques:
            require_use(_numbers(techniques), model.manifest.heads.heads, model=str(model.path))
    phone = reach_phone(find_adb(), request.serial)
    adb = phone.adb
    with phone_lock(phone.number, adb.name), tempfile.TemporaryDirectory(prefix="deepmark-phone-") as folder:
        identity = read_identity(adb)
        _require_usable(identity, read_state(adb))
        entries = _entries(request, entered, "EMULATED " if identity.emulated else "")
        request.on_message(f"{identity.title} can be measured on; building its programs, or taking those of the cache")
        build = request.build()
        entries, refused = _possible(entries, identity, build, find=request.find)
        failures += refused
        pictures = samples.gather(request.images, usable, request.shape)
        request.on_message(f"measuring on {identity.title}; runtime: {build.runtime}")
        cores = identity.cores_for(max(request.threads))
        created = datetime.now(UTC).isoformat(timespec="seconds")
        with prepared_folder(adb, build.sha256[:12], keep=request.keep, reconnect_s=request.reconnect_s) as remote:
            programs = PhonePrograms(remote, build, cores)
            sent = _copy(remote, build, entries, pictures, Path(folder))
            request.on_message(f"{sent} files copied to {remote.path}; running the test vectors there")
            verified, unproven = verify_all(programs, entries, forgiving=request.find)
            failures += unproven
            entries = [one for one in entries if one.base.name in verified]
            start = read_state(adb)
            settings = Settings(
                request.plan, request.power, request.cooling, identity.clusters, build.runtime, request.on_message
            )
            measured, failed = measure(programs, entries, settings)
    failures += failed
    if not measured:
        raise DeepMarkError(failures[0].error, hint=failures[0].hint)
    return BenchResult(
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


def _possible(
    entries: Sequence[PhoneContestant], identity: PhoneIdentity, build: PhoneBuild, *, find: bool
) -> tuple[list[PhoneContestant], list[Failure]]:
    """Leave out what the phone's shell or the programs cannot compute on.

    Raises:
        DeviceError: it is one, and was asked for by name.
    """
    left, failures = [], []
    for one in entries:
        try:
            if one.way.compute != "cpu":
                require_possible(one.way.compute, identity, build)
        except DeviceError as error:
            if not find:
                raise
            failures.append(Failure(name=one.base.name, kind="model", error=str(error), hint=error.hint))
        else:
            left.append(one)
    return left, failures


def _numbers(techniques: str) -> tuple[int, ...]:
    """Return the numbers of the techniques that were asked for by name or number."""
    named = {"manifest": (), "none": (), "all": (1, 2, 3, 4)}
    return named[techniques] if techniques in named else tuple(map(int, techniques.split(",")))


def _require_usable(identity: PhoneIdentity, state: PhoneState) -> None:
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


def _entries(request: PhoneRequest, entered: Sequence[Contestant], mark: str) -> list[PhoneContestant]:
    ways = (*(Way(precision=one) for one in request.precisions), *request.gpus)
    several = len(ways) > 1, len(request.techniques) > 1
    found = []
    for base, way, techniques in product(entered, ways, request.techniques):
        if way.compute != "cpu" and base.threads != request.threads[0]:
            continue
        name = base.name if way.compute == "cpu" else base.name.removesuffix(f" {threads_in_words(base.threads)}")
        label = mark + " ".join((name, *([way.label] * several[0]), *([f"techniques {techniques}"] * several[1])))
        bundle = f"{base.model.entries[MODEL].sha256[:12]}.deepmark"
        found.append(PhoneContestant(replace(base, name=label), bundle, way, techniques))
    return sorted(found, key=lambda one: one.base.contestant_group)


def _copy(
    target: RemoteFolder,
    build: PhoneBuild,
    entries: Sequence[PhoneContestant],
    pictures: samples.SamplePictures,
    folder: Path,
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
    target.run(f"rm -rf {PICTURES}")  # those of an earlier run that was kept are not to be run on
    sent = target.copy(files)
    target.run(f"chmod 755 {' '.join(build.files)}")
    return sent


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _machine(identity: PhoneIdentity, start: PhoneState, build: PhoneBuild) -> Machine:
    cores = len(identity.all_cores)
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
