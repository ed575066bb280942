"""A command's options in a file: the same names, what is typed wins, and what is wrong is named by file and key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from deepmark.commands.config_file import config_text, read_config
from deepmark.errors import DataError, UsageError


@click.command
@click.option("--config", type=click.Path(path_type=Path), is_eager=True, expose_value=False, callback=read_config)
@click.option("--save-every", type=click.IntRange(1), default=250)
@click.option("--lr", type=float, default=1e-3)
@click.option("--skip-bad", is_flag=True)
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto")
@click.option("--data")
@click.option("-o", "--output", "folder", required=True)
@click.pass_obj
def command(seen: dict[str, Any], /, **options: Any) -> None:
    """Note what arrives."""
    seen.update(options)
    seen["text"] = config_text(click.get_current_context(), {"device": "cpu"})


def _run(*arguments: object) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    CliRunner().invoke(command, ["-o", "run", *map(str, arguments)], obj=seen, catch_exceptions=False)
    return seen


def _file(folder: Path, text: str) -> Path:
    (folder / "some.toml").write_text(text)
    return folder / "some.toml"


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    path = _file(tmp_path, 'save-every = 7\nlr = 1\nskip-bad = true\ndata = "set"\n')
    seen = _run("--config", path, "--lr", "0.5")
    assert (seen["save_every"], seen["lr"], seen["skip_bad"], seen["data"]) == (7, 0.5, True, "set")
    assert seen["device"] == "auto"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("save-evry = 7", "there is no option save-evry", "did you mean save-every?"),
        ("save_every = 7", "there is no option save_every", "did you mean save-every?"),
        ('output = "x"', "there is no option output", "it may hold save-every, lr, skip-bad, device, data"),
        ("save-every = 7.5", "save-every must be a whole number, found 7.5", None),
        ("save-every = true", "save-every must be a whole number, found true", None),
        ('save-every = "7"', 'save-every must be a whole number, found "7"', None),
        ("save-every = 0", "save-every: 0 is not in the range x>=1.", None),
        ('lr = "fast"', 'lr must be a number, found "fast"', None),
        ("skip-bad = 1", "skip-bad must be true or false, found 1", None),
        ("data = 5", 'data must be a text in "quotes", found 5', None),
        ('device = "tpu"', "device: 'tpu' is not one of 'auto', 'cpu'.", None),
        ("[train]\nlr = 1", "there is no option train", "it may hold save-every, lr, skip-bad, device, data"),
        ("lr = ", "is no TOML", None),
    ],
)
def test_what_is_wrong_is_named_by_file_and_key(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(UsageError) as stop:
        _run("--config", path)
    assert str(stop.value).startswith(str(path))
    assert message in str(stop.value)
    assert stop.value.hint == hint


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert _run("--config", _file(tmp_path, "\ufefflr = 0.5"))["lr"] == 0.5


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none\.toml: No such file"):
        _run("--config", tmp_path / "none.toml")


def test_a_run_is_repeated_from_what_it_wrote(tmp_path: Path) -> None:
    first = _run("--lr", "1e-05", "--skip-bad", "--data", "a/b")
    assert 'device = "cpu"' in first["text"]  # what was decided, not what was asked for
    again = _run("--config", _file(tmp_path, first["text"]))
    assert again == {**first, "device": "cpu"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(text: str) -> None:
    written = _run(f"--data={text}")["text"]
    assert tomllib.loads(written)["data"] == text
