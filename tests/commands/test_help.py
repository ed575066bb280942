"""Help is there at once: no command imports what it does not need to describe itself."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest
from outcome import Deepmark

from deepmark import __version__
from deepmark.commands.group import COMMANDS

GROUPS = {"refiner": ("train", "export", "verify")}  # commands that have commands of their own
LINES = [line for name in COMMANDS for line in ([name], *([name, own] for own in GROUPS.get(name, ())))]

HEAVY = ("torch", "numpy", "cv2", "MNN", "onnx", "onnxruntime", "onnxsim", "rich", "msgspec", "deepmark.models.mdla34")
PROBE = """
import atexit, sys
heavy = {heavy!r}
atexit.register(lambda: print("loaded:", [name for name in heavy if name in sys.modules], file=sys.stderr))
sys.argv = ["deepmark", *{arguments!r}]
from deepmark.commands.group import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([*line, "--help"] for line in LINES)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    end = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=HEAVY, arguments=arguments)], capture_output=True, text=True
    )

    assert end.returncode == 0, end.stderr
    assert end.stdout
    assert end.stderr.strip() == "loaded: []"


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_command_shows_examples_and_takes_json_and_verbosity(line: list[str], deepmark: Deepmark) -> None:
    outcome = deepmark(*line, "--help")

    assert outcome.code == 0
    assert f"Examples:\n    deepmark {' '.join(line)}" in outcome.out
    if line != ["completion"] and line[-1] not in GROUPS:  # the output of the first is a script
        for option in ("--json", "-v, --verbose", "-q, --quiet"):
            assert option in outcome.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_commands_is_true(name: str) -> None:
    command = importlib.import_module(f"deepmark.commands.{name}").command

    assert isinstance(command, click.Command)
    assert command.name == name
    assert COMMANDS[name].endswith(".")


def test_the_group_lists_every_command_with_its_summary(deepmark: Deepmark) -> None:
    out = deepmark("--help").out

    for name, summary in COMMANDS.items():
        assert f"  {name}" in out
        assert summary in out


def test_the_version_is_the_package_s_own(deepmark: Deepmark) -> None:
    assert deepmark("--version").out == f"deepmark, version {__version__}\n"


def test_python_dash_m_is_the_same_command() -> None:
    end = subprocess.run([sys.executable, "-m", "deepmark", "--version"], capture_output=True, text=True)

    assert end.stdout == f"deepmark, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell: str, deepmark: Deepmark) -> None:
    outcome = deepmark("completion", shell)

    assert outcome.code == 0
    assert f"_DEEPMARK_COMPLETE={shell}_complete" in outcome.out


@pytest.mark.parametrize(
    ("words", "expected"), [("deepmark in", "inspect"), ("deepmark detect --thres", "--threshold")]
)
def test_the_completion_script_s_question_is_answered(
    words: str, expected: str, deepmark: Deepmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_DEEPMARK_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))

    assert deepmark().out.splitlines() == [f"plain,{expected}"]


def test_no_command_at_all_prints_the_help(deepmark: Deepmark) -> None:
    outcome = deepmark()

    assert outcome.code == 2
    assert "Usage: deepmark" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detcet"], ["No such command 'detcet'", "hint: deepmark --help"]),
        (["detect"], ["Missing argument 'MODEL'", "hint: deepmark detect --help"]),
        (["detect", "model"], ["Missing argument 'INPUT...'"]),
        (["detect", "model", "a.png", "--threshold", "1.5"], ["--threshold", "1.5"]),
        (["detect", "model", "a.png", "--contact-sheet", "sheet.gif"], ["sheet.gif must end in .png, .jpg"]),
        (["completion", "tcsh"], ["tcsh", "bash"]),
    ],
)
def test_a_wrong_command_line_is_one_line_and_a_hint(
    arguments: list[str], words: list[str], deepmark: Deepmark
) -> None:
    deepmark(*arguments).assert_refused(2, *words)
