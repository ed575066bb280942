"""Every line of a docstring, and of ``--help``, can be read by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from deepmark.commands.group import COMMANDS, group

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "exporter", "models", "runtime", "src/deepmark")
SECTIONS = ("Args:", "Attributes:")
LEANING = ("of", "that", "to", "where", "for", "likewise", "and", "or", "the same", "also", "ditto", "as above")
ARRAYS = re.compile(r"\b(F32|F64|I64|Index|Mask|Image8)\b")
SHAPE = re.compile(r"\([^()]*\)|shape|scalar|single")


class Line(NamedTuple):
    """What a docstring says of one parameter or attribute, with the annotation that the code gives it."""

    where: str
    name: str
    text: str
    annotation: str


def _entries(docstring: str, section: str) -> Iterator[tuple[str, str]]:
    """Give name and text of each entry of a section, continued lines joined."""
    _, _, rest = docstring.partition(f"{section}\n")
    name = text = ""
    for line in rest.splitlines():
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            break
        begun = re.match(r"\s{4}\*{0,2}(\w+(?:, \w+)*): (.*)", line)
        if indent == 4 and begun:
            if name:
                yield name, text
            name, text = begun.group(1), begun.group(2)
        elif indent > 4:
            text += " " + line.strip()
        else:
            break
    if name:
        yield name, text


def _annotations(node: ast.AST) -> dict[str, str]:
    if isinstance(node, ast.ClassDef):
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
        found = {one.target.id: ast.unparse(one.annotation) for one in fields if isinstance(one.target, ast.Name)}
        for one in node.body:
            if isinstance(one, ast.FunctionDef) and one.name == "__init__":
                found |= _annotations(one)
        return found
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return {one.arg: ast.unparse(one.annotation) for one in arguments if one.annotation is not None}
    return {}


def _lines() -> list[Line]:
    found = []
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("**/*.py")):
        if path.resolve() != path:  # src/deepmark has links to the other folders
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            docstring = ast.get_docstring(node) or ""
            annotations = _annotations(node)
            where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for section in SECTIONS:
                for name, text in _entries(docstring, section):
                    found.append(Line(where, name, text, annotations.get(name, "")))
    return found


LINES = _lines()


def _leans(text: str) -> bool:
    lowered = text.lower()
    return any(re.match(rf"{word}\b", lowered) for word in LEANING) or bool(re.search(r"\blikewise\b", lowered))


def test_docstrings_were_found() -> None:
    assert len(LINES) > 500


def test_no_line_leans_on_another() -> None:
    """A line that begins with "of", or says "likewise", is half a sentence; one that ends in a comma is, too."""
    assert [f"{one.where}: {one.name}: {one.text}" for one in LINES if _leans(one.text)] == []
    assert [f"{one.where}: {one.name}" for one in LINES if one.text.rstrip().endswith((",", ";", ":"))] == []


def test_one_line_speaks_of_one_name() -> None:
    assert [f"{one.where}: {one.name}" for one in LINES if "," in one.name] == []


def test_none_is_explained() -> None:
    silent = [one for one in LINES if re.search(r"\| None\b", one.annotation) and not re.search(r"\bNone\b", one.text)]
    assert [f"{one.where}: {one.name}: {one.text}" for one in silent] == []


def test_arrays_have_shapes() -> None:
    silent = [one for one in LINES if ARRAYS.search(one.annotation) and not SHAPE.search(one.text)]
    assert [f"{one.where}: {one.name}: {one.text}" for one in silent] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_of_help_stands_alone(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    options = [one for command in commands for one in command.params if isinstance(one, click.Option)]
    helps = [(one.name, one.help) for one in options]

    assert [option for option, text in helps if not text] == []
    assert [f"{option}: {text}" for option, text in helps if text and _leans(text)] == []
