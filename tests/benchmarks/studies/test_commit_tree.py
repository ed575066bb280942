"""A commit's sources are run by this interpreter, and gone afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deepmark.benchmarks.studies.support import commit_tree
from deepmark.benchmarks.studies.support.commit_tree import SourceTree, tree_here, tree_of
from deepmark.benchmarks.studies.support.process_costs import cost_of, costs_in_turns
from deepmark.errors import DeepMarkError, UsageError


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository of a project of this name with one commit, that is changed since."""
    source = tmp_path / "clone" / "src" / "deepmark" / "__init__.py"
    source.parent.mkdir(parents=True)
    source.write_text("WHEN = 'then'\n")
    (tmp_path / "clone" / "linked").mkdir()
    (source.parent / "linked").symlink_to("../../linked")
    (tmp_path / "clone" / "linked" / "__init__.py").write_text("")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    who = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "one"], ["tag", "v1"]):
        subprocess.run(["git", *words], cwd=tmp_path / "clone", check=True)
    source.write_text("WHEN = 'now'\n")
    monkeypatch.setattr(commit_tree, "tree_here", lambda: SourceTree("now", tmp_path / "clone" / "src"))
    return tmp_path / "clone"


def test_each_tree_is_what_its_process_imports(repository: Path) -> None:
    code = [sys.executable, "-P", "-c", "import sys, deepmark.linked; sys.exit(deepmark.WHEN != sys.argv[1])"]
    with tree_of("v1") as tree:
        cost_of([*code, "then"], tree.environment())
        cost_of([*code, "now"], SourceTree("now", repository / "src").environment())
        with pytest.raises(DeepMarkError, match="ended with status 1"):
            cost_of([*code, "now"], tree.environment())
        sources = tree.sources
    assert not sources.exists()
    status = subprocess.run(["git", "status", "--short"], cwd=repository, capture_output=True, text=True, check=True)
    assert status.stdout == " M src/deepmark/__init__.py\n"


@pytest.mark.parametrize("commit", ["v2", "--all", ""])
def test_a_commit_that_is_none_is_refused(repository: Path, commit: str) -> None:
    with pytest.raises(UsageError, match="git rev-parse"), tree_of(commit):
        pass


def test_sources_that_are_no_clone_are_refused(repository: Path) -> None:
    (repository / ".git").rename(repository / "git")
    with pytest.raises(UsageError, match="is no git repository"), tree_of("v1"):
        pass


def test_what_a_process_takes_is_its_own() -> None:
    found = cost_of([sys.executable, "-S", "-c", "sum(range(3_000_000)); print('done')"], tree_here().environment())
    assert found.wall_s > 0
    assert found.processor_s > 0
    assert 1 < found.peak_mib < 60  # and not what this process holds


def test_a_first_round_does_not_count_and_every_other_goes_backwards() -> None:
    order: list[str] = []
    ways = [lambda name=name: order.append(name) for name in "ab"]
    table = costs_in_turns(ways, 2)  # type: ignore[arg-type]  # the order is all that counts here
    assert order == list("abbaab")
    assert len(table) == 2
