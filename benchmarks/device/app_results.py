"""Measurements of the Android app as a result like this program's own: judged, printed and drawn in the same way."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise
from pathlib import Path

from deepmark import __version__
from deepmark.benchmarks.device.app_document import AppDocument, AppPhone, AppState, read_app_document
from deepmark.benchmarks.device.readings import PLAUSIBLE_C
from deepmark.benchmarks.device.turns import contestant_result, round_of
from deepmark.benchmarks.result.document import (
    FORMAT,
    BenchPlan,
    BenchResult,
    ContestantResult,
    Machine,
    PictureRecord,
    Round,
)
from deepmark.benchmarks.result.phone import CoreCluster, Phone, PhoneIdentity, PhoneState, soc_name
from deepmark.benchmarks.result.verdict import unusable
from deepmark.benchmarks.speed.contestants import names_apart, threads_in_words
from deepmark.errors import DataError

# What ``Build.HARDWARE`` says of Android's emulators (old, new, Cuttlefish) and of Robolectric, which is none either.
EMULATORS = frozenset({"goldfish", "ranchu", "cutf_cvm", "robolectric"})


def result_of_app(paths: Sequence[Path], *, command: str = "") -> BenchResult:
    """Read documents of the app, all of one phone, and make one result of them.

    Args:
        paths: files that the app shared, at least one; the first is what the others are compared with.
        command: command line to record in the result.

    Raises:
        DataError: one cannot be read or means nothing, they are of several phones, or two are of one run.
    """
    documents = [read_app_document(path) for path in paths]
    for one, other in pairwise(documents):
        _require_one_phone(one, other)
    _require_different_runs(documents)
    first = min(documents, key=lambda one: one.created)
    identity = _identity(first.phone)
    wrong = unusable(identity)
    if wrong is not None:
        raise DataError(f"{first.path}: {identity.title} cannot be used: {wrong}", hint="use an arm64 phone")
    names = names_apart([_name(one, identity) for one in documents], [_traits(one) for one in documents])
    contestants = [
        _contestant(one, name, session, (one.created - first.created).total_seconds())
        for session, (one, name) in enumerate(zip(documents, names, strict=True))
    ]
    app = ", ".join(sorted({_text(one.app) or "unknown" for one in documents}))
    return BenchResult(
        format=FORMAT,
        created=first.created.astimezone(UTC).isoformat(timespec="seconds"),
        command=command,
        program=__version__,
        machine=_machine(identity, first),
        plan=_plan(documents),
        pictures=PictureRecord(source=f"samples of the app {app}", sizes=(), sha256=""),
        contestants=tuple(sorted(contestants, key=lambda one: one.contestant_group)),
        failures=(),
        phone=Phone(
            identity=identity,
            start=_state(first.turns[0].before),
            runtime="app",
            runtime_sha256=None,
            power=first.turns[0].output.start.power,
            cores=(),
            verified={},
            app=app,
        ),
    )


def _require_one_phone(one: AppDocument, other: AppDocument) -> None:
    if one.phone != other.phone:
        shown = [f"{part.path} of {_phone_text(part.phone)}" for part in (one, other)]
        raise DataError(
            f"expected measurements of one phone, found {shown[0]} and {shown[1]}",
            hint="read the files of each phone by themselves: times of two machines cannot be divided",
        )


def _phone_text(phone: AppPhone) -> str:
    return f"{phone.manufacturer} {phone.model}, Android {phone.android} ({phone.build})"


def _require_different_runs(documents: Sequence[AppDocument]) -> None:
    seen: dict[tuple[tuple[float, ...], ...], Path] = {}
    for one in documents:
        for turn in {_samples(turn) for turn in _rounds(one, 0.0)}:
            if turn in seen:
                raise DataError(
                    f"{seen[turn]} and {one.path} are of one run: a turn's samples are the same, expected two runs",
                    hint="give every measurement once",
                )
            seen[turn] = one.path


def _samples(turn: Round) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, turn.phases.values()))


def _name(one: AppDocument, identity: PhoneIdentity) -> str:
    return f"{'EMULATED ' if identity.emulated else ''}{_text(one.name) or one.manifest.name}"


def _traits(one: AppDocument) -> tuple[str, ...]:
    start = one.turns[0].output.start
    words = {"cpu": threads_in_words(start.threads), "opencl": f"opencl {start.storage}", "vulkan": "vulkan"}
    return words[start.compute], start.precision, f"techniques {_techniques(one)}", f"score {one.decoding.score:g}"


def _techniques(one: AppDocument) -> str:
    return ",".join(map(str, sorted(set(one.decoding.techniques)))) or "none"


def _contestant(one: AppDocument, name: str, session: int, offset_s: float) -> ContestantResult:
    spec = one.manifest.input
    return contestant_result(
        [turn.output for turn in one.turns],
        _rounds(one, offset_s),
        name=name,
        manifest=one.manifest,
        model=one.manifest.files,
        size=(spec.height, spec.width),
        cores=(),
        settings={
            "runtime": "app",
            "app": _text(one.app) or "unknown",
            "techniques": _techniques(one),
            "score": one.decoding.score,
        },
        session=session,
    )


def _rounds(one: AppDocument, offset_s: float) -> list[Round]:
    start = one.turns[0].before.at_ms
    return [
        round_of(
            turn.output,
            at_s=offset_s + (turn.before.at_ms - start) / 1000,
            before=_state(turn.before),
            during=tuple(map(_state, turn.during)),
            after=_state(turn.after),
            host_s=(turn.after.at_ms - turn.before.at_ms) / 1000,
        )
        for turn in one.turns
    ]


def _plan(documents: Sequence[AppDocument]) -> BenchPlan:
    """Say how long was measured: of each the longest; of the scores the lowest, each contestant has its own."""
    warm = [one.turns[0].output.warm for one in documents]
    return BenchPlan(
        rounds=max(len(one.turns) for one in documents),
        runs=max(sum(len(turn.output.samples) for turn in one.turns) for one in documents),
        seconds=max(0.001, round(max(sum(turn.output.end.seconds for turn in one.turns) for one in documents), 3)),
        warm_up_runs=max(1, *(one.runs for one in warm)),
        warm_up_s=max(one.seconds for one in warm),
        threshold=min(one.decoding.score for one in documents),
    )


def _machine(identity: PhoneIdentity, first: AppDocument) -> Machine:
    return Machine(
        cpu=identity.title,
        cores=first.phone.cores,
        usable_cores=first.phone.cores,
        memory_mib=0,
        system=f"Android {identity.android or 'of unknown version'} {identity.abis[0] if identity.abis else 'arm64'}",
        virtual=identity.emulated,
        governor=None,
        load=None,
        python=platform.python_version(),
        versions={"mnn": first.turns[0].output.start.mnn_version[:40]},
    )


def _identity(phone: AppPhone) -> PhoneIdentity:
    # Which of the two names the platform is the maker's choice: Huawei's hardware, Qualcomm's board.
    platform_name = next((name for name in (phone.hardware, phone.board) if soc_name(name, ())), None)
    return PhoneIdentity(
        serial="",
        manufacturer=_text(phone.manufacturer),
        model=_text(phone.model),
        device=_text(phone.device),
        platform=platform_name,
        soc=soc_name(platform_name, ()),
        android=_text(phone.android),
        sdk=phone.sdk,
        emui=None,
        fingerprint=_text(phone.build),
        abis=phone.abis,
        emulated=phone.hardware in EMULATORS,
        clusters=(CoreCluster(cores=tuple(range(phone.cores)), max_mhz=None, governor=None),),
        memory_mib=None,
        kernel=_text(phone.kernel),
    )


def _text(words: str) -> str | None:
    """Keep what can be printed, on one line; None where nothing is left."""
    return "".join(letter if letter.isprintable() else " " for letter in words).strip() or None


def _state(state: AppState) -> PhoneState:
    battery_c = state.battery_c
    notes: tuple[str, ...] = ()
    if battery_c is not None and not PLAUSIBLE_C[0] <= battery_c <= PLAUSIBLE_C[1]:
        battery_c, notes = None, (f"the battery's {battery_c:g} °C",)
    return PhoneState(
        battery_c=battery_c,
        battery_percent=None,
        thermal_status=state.thermal_status,
        saver=None,
        screen=None,
        capped_mhz=None,
        memory_available_mib=None,
        room_mib=None,
        notes=notes,
    )
