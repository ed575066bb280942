"""MNN's wheel for arm64: found, fetched by name, and never another file."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import pytest
from outcome import Deepmark

from deepmark.errors import EngineError
from deepmark.runtime.native import arm64_wheel
from deepmark.runtime.native.arm64_wheel import (
    ARM64_WHEEL,
    WHEEL_VARIABLE,
    fetch_arm64_wheel,
    find_arm64_wheel,
)
from deepmark.runtime.pinned_wheel import named_source

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder with nothing in it, and no wheel that a variable names."""
    monkeypatch.setenv("DEEPMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(WHEEL_VARIABLE, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the wheel in it, which pip asks in place of an index."""
    wheels = ROOT / "build" / "wheels"
    if not (wheels / ARM64_WHEEL.name).is_file():
        pytest.skip("needs build/wheels: tools/phone_toolchain.sh")
    return _ask_only(wheels, monkeypatch)


def _ask_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [one for one in os.environ if one.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_it_is_of_the_version_that_everything_is_declared_for() -> None:
    assert re.search(rf"^mnn=={re.escape(ARM64_WHEEL.version)}$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


@pytest.mark.slow
def test_what_is_fetched_is_said_first_and_stays_in_the_cache(
    shelf: Path, empty_cache: Path, deepmark: Deepmark
) -> None:
    done = deepmark("doctor", "--phone", "--fetch")

    first, second, *_ = done.err.splitlines()
    assert first == (
        f"fetching {ARM64_WHEEL.name} (17.5 MB, sha256 {ARM64_WHEEL.sha256}) with pip from {shelf}"
        f" into {empty_cache / 'wheels'}; it is installed nowhere"
    )
    kept = empty_cache / "wheels" / ARM64_WHEEL.name
    assert second == f"MNN for arm64: {kept}"
    assert find_arm64_wheel() == kept
    assert [path.name for path in empty_cache.rglob("*") if path.is_file()] == [ARM64_WHEEL.name]
    lines: list[str] = []
    assert fetch_arm64_wheel(lines.append) == kept
    assert lines == [f"{kept} is there already; nothing is fetched"]

    kept.write_bytes(b"damaged")
    with pytest.raises(EngineError, match="is not the file that it must be"):
        find_arm64_wheel()


@pytest.mark.slow
@pytest.mark.usefixtures("shelf")
def test_another_file_of_the_same_name_is_not_kept(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm64_wheel, "ARM64_WHEEL", dataclasses.replace(ARM64_WHEEL, sha256="0" * 64))

    with pytest.raises(EngineError, match=r"pip did not bring MNN's wheel for arm64: .*HASH"):
        fetch_arm64_wheel(lambda _: None)

    assert not (empty_cache / "wheels").exists()


@pytest.mark.slow
def test_without_an_index_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deepmark: Deepmark
) -> None:
    _ask_only(tmp_path, monkeypatch)

    done = deepmark("doctor", "--phone", "--fetch")

    done.assert_refused(1, "Could not find a version that satisfies the requirement mnn==3.6.1", WHEEL_VARIABLE)


def test_fetching_goes_with_one_of_two_lists_only(deepmark: Deepmark) -> None:
    deepmark("doctor", "--fetch").assert_refused(
        2, "--fetch goes with --phone or --android", "deepmark doctor --phone --fetch"
    )


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", "https://pypi.org/simple"),
        ("global.index-url='https://mirror.example/simple'\n", "https://mirror.example/simple"),
        (
            ":env:.index-url='https://name:secret@index.example/simple'\nglobal.index-url='https://other.example'\n",
            "https://index.example/simple",
        ),
        (":env:.find-links='/wheels'\n", "https://pypi.org/simple and /wheels"),
        (":env:.find-links='/wheels'\n:env:.no-index='1'\n", "/wheels"),
    ],
)
def test_where_it_comes_from_is_named_without_a_password(listed: str, expected: str) -> None:
    assert named_source(listed) == expected


def test_the_wheel_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WHEEL_VARIABLE, str(tmp_path / "mnn.whl"))
    with pytest.raises(EngineError, match=f"{WHEEL_VARIABLE} must name MNN's wheel"):
        find_arm64_wheel()

    (tmp_path / "mnn.whl").write_bytes(b"x")
    assert find_arm64_wheel() == tmp_path / "mnn.whl"
