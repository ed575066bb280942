"""Lists the studies, and runs one by its name: ``python -m deepmark.benchmarks.studies NAME ...``."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from deepmark import console
from deepmark.benchmarks import studies
from deepmark.console import ProgramParser
from deepmark.errors import UsageError

PROGRAM = "python -m deepmark.benchmarks.studies"
NO_STUDIES = ("__main__", "support")
WIDTH = 80  # columns of the help


def study_names() -> list[str]:
    """Return the names of all studies: modules beside this one with ``add_arguments(parser)`` and ``run(options)``."""
    return [one.name for one in pkgutil.iter_modules(studies.__path__) if one.name not in NO_STUDIES]


def summary(name: str) -> str:
    """Return the first line of a study's docstring, without importing the study."""
    (folder,) = studies.__path__
    module = Path(folder, f"{name}.py")
    source = module if module.exists() else Path(folder, name, "__init__.py")
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def overview() -> str:
    """Return what `main` prints where no study is named."""
    names = study_names()
    lines = [f"  {name:<{max(map(len, names))}}  {summary(name)}" for name in names]
    return "\n".join(
        [
            f"usage: {PROGRAM} STUDY ...\n",
            f"{studies.__doc__}\n",
            "studies:",
            *lines,
            f"\n{PROGRAM} STUDY --help: what a study measures, and what it takes.",
        ]
    )


def make_parser(name: str, study: ModuleType) -> ProgramParser:
    """Make the command line of a study; its docstring is the help, and its examples stand at the end."""
    text, _, examples = (study.__doc__ or "").partition("\nExamples:\n")
    paragraphs = [textwrap.fill(one, WIDTH, break_on_hyphens=False) for one in text.strip().split("\n\n")]
    parser = ProgramParser(f"{PROGRAM} {name}", "\n\n".join(paragraphs), f"examples:\n{examples.rstrip()}")
    study.add_arguments(parser)
    return parser


def main(arguments: Sequence[str]) -> int | None:
    """List the studies, or run one; return its exit code, None for 0.

    Args:
        arguments: name of the study and its own arguments; nothing, or ``--help``, for the list.

    Raises:
        DeepMarkError: what the study raises.
        UsageError: there is no such study, or it takes no such arguments.
    """
    if not arguments or arguments[0] in {"-h", "--help"}:
        console.print_text(overview())
        return None
    name, *own = arguments
    if name not in study_names():
        raise UsageError(f"there is no study {name!r}", hint=PROGRAM)
    study = importlib.import_module(f"{studies.__name__}.{name}")
    parser = make_parser(name, study)
    # an option may stand between two positional arguments, unless -- says where options end
    code: int | None = study.run(parser.parse_args(own) if "--" in own else parser.parse_intermixed_args(own))
    return code


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
