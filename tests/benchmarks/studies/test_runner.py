"""The studies are found by their names, and end as our commands do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.__main__ import PROGRAM, study_names
from deepmark.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
STUDIES = [
    "claims",
    "cold_start",
    "decoder_time",
    "deformable_forms",
    "deformable_halves",
    "emulated_precisions",
    "fit_accuracy",
    "gpu_back_ends",
    "graph_rewrites",
    "grouping",
    "half_rounding",
    "inference_costs",
    "label_reading",
    "memory_watch",
    "mnn_setting_costs",
    "native_speed",
    "network_engines",
    "parity_sizes",
    "precision_costs",
    "processors",
    "refinement",
    "shape_sessions",
    "sparse_speed",
    "stem_forms",
    "throughput",
    "training_curves",
]
PROBE = """
import sys
from deepmark.benchmarks.studies.__main__ import main
main([])
print("loaded:", [name for name in sys.modules if name in ("numpy", "torch", "click", "msgspec", "rich")
    or name.startswith("deepmark.benchmarks.studies.") and not name.endswith("__main__")])
"""


def _run(*arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "deepmark.benchmarks.studies", *arguments], capture_output=True, text=True
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_every_study_is_listed_with_one_line_and_none_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True)

    lines = done.stdout.splitlines()
    assert lines[-1] == "loaded: []"
    listed = lines[lines.index("studies:") + 1 : lines.index("", lines.index("studies:"))]
    assert [line.split()[0] for line in listed] == STUDIES == study_names()
    assert all(line.endswith(".") and len(line.split()) > 4 for line in listed)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_without_a_name_there_is_the_list(arguments: tuple[str, ...], study: Callable[..., Outcome]) -> None:
    done = study(*arguments)
    assert done.code == 0
    assert done.out.startswith(f"usage: {PROGRAM} STUDY")
    assert done.err == ""


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_help_with_examples_and_the_options_of_our_commands(
    name: str, capfd: pytest.CaptureFixture[str], study: Callable[..., Outcome]
) -> None:
    with pytest.raises(SystemExit) as stop:
        study(name, "--help")

    out, err = capfd.readouterr()
    assert stop.value.code == 0
    assert out.split()[: len(PROGRAM.split()) + 2] == ["usage:", *PROGRAM.split(), name]
    assert f"\nexamples:\n  {PROGRAM} {name}" in out
    for option in ("--json", "-v, --verbose", "-q, --quiet"):
        assert option in out
    assert err == ""


def test_an_unknown_study_is_a_wrong_command_line() -> None:
    done = _run("clams")
    done.assert_refused(2, "there is no study 'clams'", f"hint: {PROGRAM}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("claims",), "the following arguments are required: CHECKPOINT, PICTURES"),
        (("cold_start", "a", "b", "--runs", "0"), "argument --runs: 0 is not in the range x>=1"),
        (("cold_start", "a", "b", "--runs", "many"), "argument --runs: 'many' is no whole number"),
        (("memory_watch", "--every", "0", "--", "x"), "argument --every: 0 is not in the range 0.05<=x"),
        (("memory_watch", "--every", "nan", "--", "x"), "argument --every: nan is not in the range 0.05<=x"),
        (("sparse_speed", "a", "b", "none.png"), "argument PICTURES: none.png does not exist"),
        (("sparse_speed", "a", "b", "."), "argument PICTURES: . is a folder"),
        (("native_speed", __file__, __file__), "test_runner.py is no folder"),
        (("native_speed", ".", ".", "--threshold", "1.5"), "argument --threshold: 1.5 is not in the range 0<=x<=1"),
        (("label_reading", "--coun", "3"), "unrecognized arguments: --coun 3"),
        (("precision_costs", "x.pth", "--heads", "round"), "argument --heads: invalid choice: 'round'"),
        (("precision_costs", "x.pth", "--size", "100"), "must be multiples of 32"),
    ],
)
def test_a_wrong_argument_is_a_wrong_command_line(
    arguments: tuple[str, ...], words: str, study: Callable[..., Outcome]
) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as refused:
        study(*arguments)
    assert refused.value.hint in (
        f"{PROGRAM} {arguments[0]} --help",
        "the nearest are 96 and 128; for an hourglass, multiples of 128",
    )


def test_an_error_of_a_study_is_one_line_with_its_hint_and_exit_code(tmp_path: Path) -> None:
    done = _run("training_curves", str(tmp_path))
    done.assert_refused(1, "cannot read", "hint: RUN is the folder of a training")


def test_an_option_may_stand_between_two_arguments(study: Callable[..., Outcome], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"argument PICTURES: .*none\.png does not exist"):
        study("sparse_speed", "a", "--rounds", 2, "b", __file__, "-q", tmp_path / "none.png")


@pytest.mark.slow
def test_nothing_else_imports_a_study() -> None:
    """The wheel has none of them."""
    found = []
    for path in sorted(
        one
        for folder in ("benchmarks", "exporter", "models", "runtime", "src")
        for one in (ROOT / folder).rglob("*.py")
    ):
        if (ROOT / "benchmarks" / "studies") in path.parents or path.resolve() != path:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            found += [f"{path}: {name}" for name in names if name.startswith("deepmark.benchmarks.studies")]
    assert found == []
