"""Names that a stranger can rely on: one class, one name; a file is named for a noun; trade words, no metaphors."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from deepmark.commands.group import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "exporter", "models", "runtime", "src/deepmark", "tools")
METAPHORS = re.compile(r"(^|_)(telling|tell|tells|told|said|crew|hire|hired|wording|utils|helpers)(_|$)", re.IGNORECASE)
MODULES = {
    path.relative_to(ROOT): ast.parse(path.read_text())
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("**/*.py"))
    if path.resolve() == path  # src/deepmark has links to the other folders
}


def _names(tree: ast.Module) -> Iterator[str]:
    """Give every name that a module makes: classes, functions, arguments, variables."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", node.name)
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_a_public_class_name_occurs_once() -> None:
    homes = defaultdict(list)
    for path, tree in MODULES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path))

    assert len(homes) > 100
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_no_metaphor_where_the_trade_has_a_word() -> None:
    found = {(str(path), name) for path, tree in MODULES.items() for name in (path.stem, *_names(tree))}

    assert sorted(one for one in found if METAPHORS.search(one[1])) == []


def test_no_module_is_named_like_its_function_and_command() -> None:
    named = [path for path in MODULES if path.stem in COMMANDS]
    functions = {
        path: {node.name for node in MODULES[path].body if isinstance(node, ast.FunctionDef)} for path in named
    }

    assert [str(path) for path, names in functions.items() if path.stem in names] == []


def test_all_errors_stand_in_one_file() -> None:
    homes = {
        node.name: path.as_posix()
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }

    assert set(homes.values()) == {"src/deepmark/errors.py"}, homes
