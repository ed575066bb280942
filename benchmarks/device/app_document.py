"""What the Android app's Benchmark screen shares: one measurement of one model on one phone, checked strictly.

``android-demo/app/src/main/java/deepmark/demo/model/Measurement.java`` writes it; a test holds the names of its fields
against those here. It comes from a phone and is not trusted. The bundle's manifest stands in it as text, known by its
sha256: so the size of the input and what else belongs to the model come from the model, and not from the app.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from deepmark.benchmarks.device.events import BenchOutput, read_bench_lines
from deepmark.benchmarks.device.turns import MODEL
from deepmark.errors import BundleError, DataError, DeviceError
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.provenance import Sha256

FORMAT: Final = "deepmark-app-bench/1"
_HINT = "share the result again from the app's Benchmark screen, as a file"

ShortText = Annotated[str, msgspec.Meta(max_length=200)]
PhoneMilliseconds = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]


class _AppPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the document."""


class AppPhone(_AppPart, frozen=True):
    """What ``android.os.Build`` says, and the kernel's release."""

    manufacturer: ShortText
    model: ShortText
    device: ShortText
    board: ShortText
    hardware: ShortText
    android: ShortText
    sdk: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    build: ShortText
    abis: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=16)]
    kernel: ShortText
    cores: Annotated[int, msgspec.Meta(ge=1, le=256)]


class AppBundle(_AppPart, frozen=True):
    """The model: its name in the app, and the text of its manifest with the sha256 that the app knows it by."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    sha256: Sha256
    manifest: str


class AppDecoding(_AppPart, frozen=True):
    """Numbers of the decoder's techniques that were on, and the least final score of an object, in [0, 1]."""

    techniques: tuple[Annotated[int, msgspec.Meta(ge=1, le=4)], ...]
    score: Annotated[float, msgspec.Meta(ge=0, le=1)]


class AppState(_AppPart, frozen=True):
    """The phone at a moment.

    Attributes:
        at_ms: time since the phone was started, with sleep, in milliseconds.
        thermal_status: Android's thermal status, 0 (none) to 6 (shutdown); None where the phone does not tell.
        battery_c: temperature of the battery, in degrees Celsius; None where the phone does not tell.
    """

    at_ms: PhoneMilliseconds
    thermal_status: Annotated[int, msgspec.Meta(ge=0, le=6)] | None
    battery_c: Annotated[float, msgspec.Meta(ge=-300, le=1000)] | None


class _Turn(_AppPart, frozen=True):
    before: AppState
    during: tuple[AppState, ...]
    after: AppState
    lines: tuple[msgspec.Raw, ...]


class _Head(msgspec.Struct, frozen=True):
    """What is read first: whether the rest can be read at all, and means anything."""

    format: str | None = None
    stand_in: bool = False


class _Document(_AppPart, frozen=True):
    format: Literal["deepmark-app-bench/1"]  # `FORMAT`
    app: ShortText
    created: Annotated[datetime, msgspec.Meta(tz=True)]
    stand_in: bool
    phone: AppPhone
    bundle: AppBundle
    decoding: AppDecoding
    turns: Annotated[tuple[_Turn, ...], msgspec.Meta(min_length=1, max_length=1000)]


@dataclass(frozen=True, slots=True)
class AppTurn:
    """One turn.

    Attributes:
        before: state of the phone just before it.
        during: states during it, about one a second.
        after: state just after it.
        output: what ``dm_bench``'s code printed.
    """

    before: AppState
    during: tuple[AppState, ...]
    after: AppState
    output: BenchOutput


@dataclass(frozen=True, slots=True)
class AppDocument:
    """A whole document.

    Attributes:
        path: file that it was read from.
        app: version of the app.
        created: when the measurement began, by the phone's clock.
        phone: phone that was measured on.
        name: name of the model in the app.
        manifest: manifest of the model.
        decoding: how its heads were decoded.
        turns: turns, in their order.
    """

    path: Path
    app: str
    created: datetime
    phone: AppPhone
    name: str
    manifest: Manifest
    decoding: AppDecoding
    turns: tuple[AppTurn, ...]


def read_app_document(path: Path) -> AppDocument:
    """Read a document.

    Raises:
        DataError: it cannot be read, is none or one of another version, was cut or changed, is of an app that computes
            nothing, or holds times that no clock gives.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").encode()
        head = msgspec.json.decode(text, type=_Head)
        _require_readable(path, head)
        document = msgspec.json.decode(text, type=_Document)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=_HINT) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no result of the app's Benchmark screen: {error}", hint=_HINT) from error
    manifest = _manifest(path, document.bundle)
    turns = tuple(_turn(f"{path}, turn {number}", one) for number, one in enumerate(document.turns, 1))
    stamps = [state.at_ms for one in turns for state in (one.before, *one.during, one.after)]
    if stamps != sorted(stamps):
        raise DataError(f"{path}: the phone's clock went backwards between two of its states", hint="measure again")
    if len({_asked(one) for one in turns}) != 1:
        raise DataError(f"{path}: its turns have different settings, expected one measurement", hint=_HINT)
    return AppDocument(
        path=path,
        app=document.app,
        created=document.created,
        phone=document.phone,
        name=document.bundle.name,
        manifest=manifest,
        decoding=document.decoding,
        turns=turns,
    )


def _require_readable(path: Path, head: _Head) -> None:
    if head.format != FORMAT:
        found = "none" if head.format is None else repr(head.format[:80])
        newer = (head.format or "").startswith(FORMAT.partition("/")[0] + "/")
        raise DataError(
            f"{path} has the format {found}, expected {FORMAT!r}",
            hint="a newer app wrote it: update deepmark" if newer else _HINT,
        )
    if head.stand_in:
        raise DataError(
            f"{path} is of an app with the stand-in library, which computes nothing: its numbers measure no model",
            hint="deepmark bundle MODEL --android DIR --apk FILE, without --stand-in",
        )


def _manifest(path: Path, bundle: AppBundle) -> Manifest:
    content = bundle.manifest.encode()
    found = hashlib.sha256(content).hexdigest()
    if found != bundle.sha256:
        raise DataError(
            f"{path}: the manifest of {bundle.name} was changed: its sha256 is {found[:12]}..., expected"
            f" {bundle.sha256[:12]}...",
            hint=_HINT,
        )
    try:
        manifest = Manifest.from_json(content, source=f"the manifest in {path}")
    except BundleError as error:
        raise DataError(str(error), hint=error.hint) from error
    if MODEL not in manifest.files:
        raise DataError(f"{path}: the bundle {bundle.name} has no {MODEL}, which the app runs", hint=_HINT)
    return manifest


def _turn(where: str, turn: _Turn) -> AppTurn:
    try:
        output = read_bench_lines(bytes(line).decode() for line in turn.lines)
    except DeviceError as error:
        raise DataError(f"{where}: {error}", hint=_HINT) from error
    return AppTurn(turn.before, turn.during, turn.after, output)


def _asked(turn: AppTurn) -> tuple[object, ...]:
    start = turn.output.start
    return start.compute, start.precision, start.threads, start.power, start.techniques, start.mnn_version
