"""Memory of a command over its time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.memory_watch import PARTS, Look, Watched, watch
from deepmark.errors import DeepMarkError, UsageError

GROWING = "import time\nkept = []\nfor _ in range(20):\n    kept.append(b'x' * 8_000_000)\n    time.sleep(.05)"
FLAT = "import time\nkept = b'x' * 8_000_000\ntime.sleep(.6)"


@pytest.mark.slow
def test_a_program_that_keeps_things_is_seen_to_grow() -> None:
    watched = watch([sys.executable, "-c", GROWING], 0.05)
    assert watched.status == 0
    assert max(one.own_mib for one in watched.looks) - watched.looks[0].own_mib > 60


@pytest.mark.slow
def test_one_that_does_not_is_flat() -> None:
    watched = watch([sys.executable, "-c", FLAT], 0.05)
    *later, _ = [one.own_mib for one in watched.looks[len(watched.looks) // 2 :]]  # the last may see it go
    assert max(later) - min(later) < 4


def test_the_parts_cover_every_look_once() -> None:
    looks = tuple(Look(float(at), 1.0, 1.0, 1.0) for at in range(20))
    parts = Watched(("x",), 0, 20.0, looks).parts()
    assert len(parts) == PARTS
    assert [one.seconds for part in parts for one in part] == list(range(20))
    assert len(Watched(("x",), 0, 1.0, looks[:2]).parts()) == 2


def test_the_exit_status_is_the_commands_own_and_the_table_is_written(
    study: Callable[..., Outcome], tmp_path: Path
) -> None:
    ending = (sys.executable, "-c", "raise SystemExit(7)")
    done = study("memory_watch", "--every", 0.05, "--json", "--csv", tmp_path / "m.csv", "--", *ending)
    assert done.code == 7
    assert json.loads(done.out)["status"] == 7
    assert (tmp_path / "m.csv").read_text().startswith("seconds,own_mib,anonymous_mib,resident_mib\n0")


def test_options_after_the_dashes_are_the_commands_own(study: Callable[..., Outcome]) -> None:
    done = study(
        "memory_watch",
        "--every",
        0.05,
        "--",
        sys.executable,
        "-c",
        "import sys; sys.exit(sys.argv[1:] != ['--json', '--'])",
        "--json",
        "--",
    )
    assert done.code == 0
    assert done.out == ""


def test_what_cannot_be_started_is_named(study: Callable[..., Outcome]) -> None:
    with pytest.raises(DeepMarkError, match="cannot start no-such-program: No such file"):
        watch(["no-such-program"], 1)
    with pytest.raises(UsageError, match="give a command to run"):
        study("memory_watch")
