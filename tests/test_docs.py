"""What the documents say of the code is true of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_every_hazard_of_mnn_has_the_test_that_the_table_names() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "hazards.md").read_text())

    assert len(named) >= 24
    for file, function in named:
        (path,) = (ROOT / "tests").rglob(file)
        assert f"def {function}(" in path.read_text(), f"{file}::{function}"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("*.md")), ids=lambda p: p.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
