"""``deepmark verify --native``: what the C++ program prints becomes the words and the exit code of the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Deepmark

from deepmark.runtime import native
from deepmark.runtime.native import NativeBuild

EQUAL = '{"event":"vector","number":"0","equal":true,"heads":{},"objects":{"expected":3,"matched":3,"near_ties":0}}'
DIFFERS = EQUAL.replace("true", "false")
END = '{"event":"end","equal":true,"precision":"fp32","mnn_version":"3.6.1"}'
ERROR = '{"event":"error","message":"model.mnn is damaged","hint":"copy it again"}'


@pytest.fixture
def printing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def make(status: int, *lines: str) -> None:
        program = tmp_path / "dm_verify"
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines) + f"exit {status}\n")
        program.chmod(0o755)
        build = NativeBuild("host", "glibc-wheel", tmp_path, ("dm_verify",), "3.6.1", "0" * 64)
        monkeypatch.setattr(native, "build_native", lambda _: build)

    return make


@pytest.mark.parametrize(
    ("status", "lines", "code", "words"),
    [
        (0, [EQUAL, END], 0, "vector 0: equal, 3 of 3 objects"),
        (3, [DIFFERS, END.replace("true", "false")], 3, "differs from the network in vector 0"),
        (1, [ERROR], 1, "model.mnn is damaged"),
        (0, [EQUAL], 1, "ended with status 0"),
        (139, [], 1, "ended with status 139"),
        (139, [EQUAL[:40]], 1, "ended with status 139"),
        (2, [ERROR], 1, "ended with status 2"),
    ],
)
def test_exit_codes(
    deepmark: Deepmark,
    printing_program: Callable[..., None],
    tmp_path: Path,
    status: int,
    lines: list[str],
    code: int,
    words: str,
) -> None:
    printing_program(status, *lines)
    outcome = deepmark("verify", "--native", tmp_path)
    assert outcome.code == code
    assert words in outcome.err + outcome.out


def test_a_file_is_refused(deepmark: Deepmark, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"zip")
    outcome = deepmark("verify", "--native", tmp_path / "model.zip")
    assert outcome.code == 1
    assert "unzip it first" in outcome.err


def test_tolerances_are_refused(deepmark: Deepmark, tmp_path: Path) -> None:
    assert deepmark("verify", "--native", "--atol", "1", tmp_path).code == 2
