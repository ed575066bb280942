"""What a build is kept under: the same for the same ingredients, another for anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepmark.runtime.native.build import Project, build_key
from deepmark.runtime.native.tool_chain import ToolChain


@pytest.fixture
def chain(tmp_path: Path) -> ToolChain:
    """A compiler that prints what two files beside it hold."""
    compiler = tmp_path / "g++"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in --version) cat "$0.version";; *-march=native*) cat "$0.macros";; esac\n'
    )
    compiler.chmod(0o755)
    (tmp_path / "g++.version").write_text("g++ 12.2.0")
    (tmp_path / "g++.macros").write_text("#define __AVX2__ 1")
    (tmp_path / "mnn.so").write_bytes(b"MNN")
    flags = ("-march=native",)
    return ToolChain("glibc-wheel", str(compiler), tmp_path / "mnn.so", "3.6.1", (), (), needs_python=True, flags=flags)


def test_the_same_ingredients_are_the_same_build(chain: ToolChain) -> None:
    assert build_key("host", chain) == build_key("host", chain)


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["g++.version", "g++.macros", "mnn.so"])
def test_another_compiler_processor_or_library_is_another_build(chain: ToolChain, changed: str) -> None:
    before = build_key("host", chain)
    (Path(chain.compiler).parent / changed).write_text("another")
    assert build_key("host", chain) != before


def test_another_target_or_flag_is_another_build(chain: ToolChain) -> None:
    keys = [build_key("host", chain), build_key("android", chain), build_key("host", replace(chain, flags=()))]
    assert len(set(keys)) == 3


@pytest.mark.slow
def test_another_project_or_file_of_it_is_another_build(chain: ToolChain, tmp_path: Path) -> None:
    """Files in its folders count, too: a project that was written for an app brings the runtime's sources."""
    folder = tmp_path / "project"
    (folder / "runtime").mkdir(parents=True)
    (folder / "runtime" / "CMakeLists.txt").write_text("one")
    project = Project(folder, ("bridge.so",))
    before = build_key("host", chain, project)
    (folder / "runtime" / "CMakeLists.txt").write_text("another")
    assert len({build_key("host", chain), before, build_key("host", chain, project)}) == 3
