"""Fake phones behind the real adb, with a server of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_adbd import FakeAdbd, Plug
from fake_phone import ANDROID, GNU, FakePhone, Faults, Shell
from outcome import Deepmark
from stand_in_native import StandIn, stand_in
from tiny import make_manifest, write_bundle

from deepmark.benchmarks.device.benchmark import PhoneRequest, run_on_phone
from deepmark.benchmarks.device.rounds import Cooling
from deepmark.benchmarks.result.document import BenchPlan, BenchResult
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import HeadsSpec

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def adb_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The real adb with a server on a port of its own, out of the way of any other.

    The parameter is a folder, from the top of the repository, with another adb than the one on PATH.
    """
    folder = ROOT / getattr(request, "param", "build/no-other-adb")
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    adb = shutil.which("adb", path=path)
    if adb is None or (hasattr(request, "param") and Path(adb).parent != folder):
        pytest.skip("no such adb here (tools/phone_toolchain.sh fetches it)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        patch.setenv("ANDROID_ADB_SERVER_PORT", port)
        patch.setenv("ADB_LIBUSB", "0")  # adb 35 and 36 look for USB through a library, which takes 3 s
        subprocess.run([adb, "start-server"], capture_output=True, check=True, timeout=60)
        yield adb
        subprocess.run([adb, "kill-server"], capture_output=True, timeout=60)


@pytest.fixture
def phone_shell(request: pytest.FixtureRequest) -> Shell:
    """What runs the command lines on fake phones: Android's, or the parameter.

    Where Android's is missing, tests that do not ask for it by name run with this machine's.
    """
    shell: Shell = getattr(request, "param", ANDROID)
    lacks = shell.missing()
    if lacks and hasattr(request, "param"):
        pytest.skip(f"{lacks} is missing (tools/phone_toolchain.sh installs it)")
    return GNU if lacks else shell


@pytest.fixture
def plug(adb_server: str, phone_shell: Shell, tmp_path: Path) -> Iterator[Plug]:
    """Connect fake phones; they are gone when the test ends."""
    devices: list[FakeAdbd] = []

    def connect(personality: str = "p40", faults: Faults | None = None) -> FakeAdbd:
        one = FakeAdbd(FakePhone(tmp_path / f"phone{len(devices)}", personality, phone_shell), faults)
        devices.append(one)
        subprocess.run([adb_server, "connect", one.serial], capture_output=True, timeout=60, env=os.environ)
        return one

    yield connect
    for one in devices:
        one.close()
        subprocess.run([adb_server, "disconnect", one.serial], capture_output=True, timeout=60, env=os.environ)


@pytest.fixture(scope="session")
def phone_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose model file is none: the stand-in programs only look whether it is there."""
    return _bundle(tmp_path_factory.mktemp("phone-bundle"), KeypointSchema.deepfashion2())


@pytest.fixture(scope="session")
def boxes_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a model that finds boxes only."""
    return _bundle(tmp_path_factory.mktemp("boxes-bundle"), KeypointSchema.coco())


def _bundle(folder: Path, schema: KeypointSchema) -> Path:
    model = folder / "model"
    model.write_bytes(b"stands for a model" * 1000)
    manifest = msgspec.structs.replace(
        make_manifest(),
        keypoints=schema,
        flip_pairs=schema.flip_pairs,
        heads=HeadsSpec(
            layout="dense",
            activation="probabilities",
            stride=4,
            channels=head_channels(len(schema.classes), schema.num_groups),
        ),
    )
    return write_bundle(folder / "shirt.deepmark", manifest, {"model.mnn": model})


@pytest.fixture
def build(tmp_path: Path) -> StandIn:
    """The stand-in programs."""
    return stand_in(tmp_path / "build")


@pytest.fixture
def phone_command(build: StandIn, deepmark: Deepmark, monkeypatch: pytest.MonkeyPatch) -> Deepmark:
    """The command line, where ``deepmark bench --device adb`` builds the stand-in programs."""
    monkeypatch.setattr("deepmark.benchmarks.device.programs.build_for_phone", lambda: build)
    return deepmark


@pytest.fixture
def bench(build: StandIn, phone_bundle: Path) -> Callable[..., BenchResult]:
    """Measure on a phone with a short plan, without waiting for real."""

    def call(serial: str | None = None, **changes: Any) -> BenchResult:
        request = PhoneRequest(
            models=(phone_bundle,),
            serial=serial,
            plan=BenchPlan(rounds=2, runs=6, seconds=3, warm_up_s=0),
            build=lambda: build,
            cooling=Cooling(longest_s=10.0, sleep=lambda _: None),
            reconnect_s=5.0,
        )
        return run_on_phone(replace(request, **changes))

    return call
