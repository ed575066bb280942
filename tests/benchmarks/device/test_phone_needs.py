"""What ``deepmark bench --device adb`` needs on this computer, and when it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_adbd import Plug
from fake_phone import Faults
from outcome import Deepmark

from deepmark.runtime.native.arm64_wheel import WHEEL_VARIABLE


@pytest.fixture
def bare_computer(adb_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer with adb and nothing else: no compiler, no cmake, no wheel."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "adb").symlink_to(adb_server)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    for name in (WHEEL_VARIABLE, "ANDROID_NDK_HOME", "MNN_ANDROID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("techniques", ["all", "1,2"])
def test_techniques_that_a_model_has_no_use_for_are_refused_before_a_phone_is_looked_for(
    deepmark: Deepmark, boxes_bundle: Path, techniques: str
) -> None:
    outcome = deepmark("bench", boxes_bundle, "--device", "adb", "--techniques", "2", "--techniques", techniques)

    outcome.assert_refused(2, "has no use for technique 1", "it finds boxes only", "--techniques 2")


@pytest.mark.slow
@pytest.mark.usefixtures("bare_computer")
@pytest.mark.parametrize(
    ("abis", "faults", "message"),
    [
        (None, None, "no phone is connected"),
        ("x86_64,arm64-v8a", Faults(), "it runs x86_64, translating arm64-v8a, and arm64-v8a is needed"),
        ("armeabi-v7a,armeabi", Faults(), "it runs armeabi-v7a, armeabi, and arm64-v8a is needed"),
        ("arm64-v8a", Faults(unauthorized=True), "has not allowed this computer"),
    ],
)
def test_a_phone_that_cannot_be_used_is_told_without_a_compiler_at_hand(
    plug: Plug, deepmark: Deepmark, phone_bundle: Path, abis: str | None, faults: Faults | None, message: str
) -> None:
    if abis is not None:
        plug("p40", faults).phone.write("props/ro.product.cpu.abilist", abis)

    deepmark("bench", phone_bundle, "--device", "adb").assert_refused(4, message)


@pytest.mark.slow
@pytest.mark.usefixtures("bare_computer")
def test_all_that_is_missing_to_build_is_named_at_once_and_nothing_is_copied(
    plug: Plug, deepmark: Deepmark, phone_bundle: Path
) -> None:
    device = plug("p40")

    done = deepmark("bench", phone_bundle, "--device", "adb")

    done.assert_refused(1, "programs for a phone cannot be built here", "deepmark doctor --phone")
    for part in (
        "cmake is missing (apt-get install cmake)",
        "nm is missing (apt-get install binutils)",
        "aarch64-linux-gnu-g++ is missing (apt-get install g++-aarch64-linux-gnu)",
        "MNN for arm64 is missing (deepmark doctor --phone --fetch brings it)",
    ):
        assert part in done.err
    assert "qemu" not in done.err
    device.phone.require_as_found()
