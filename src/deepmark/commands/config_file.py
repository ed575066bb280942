"""``--config FILE.toml``: a command's options in a file, under the names that they have on the command line.

What is given on the command line wins over the file, the file over the defaults. Paths are meant from where the command
is started, on the command line and in the file.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from deepmark.errors import UsageError

_ELSEWHERE = {"folder", "resume", "as_json"}  # about one call of the command, not about the training
_KINDS: dict[type[click.ParamType[Any]], tuple[tuple[type, ...], str]] = {
    click.types.BoolParamType: ((bool,), "true or false"),
    click.types.IntParamType: ((int,), "a whole number"),
    click.types.FloatParamType: ((int, float), "a number"),
}
_TEXT: tuple[tuple[type, ...], str] = ((str,), 'a text in "quotes"')


def read_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Take a command's defaults from a file; the callback of an eager option ``--config``.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is no TOML, has a key that is no option, or a value of another kind; names file and key.
    """
    if path is None:
        return None
    from deepmark.models.training.config import read_options

    options = _options(ctx)
    defaults: dict[str, Any] = {}
    for key, value in read_options(path).items():
        option = options.get(key)
        if option is None:
            near = difflib.get_close_matches(key, options, n=1)
            raise UsageError(
                f"{path}: there is no option {key}",
                hint=f"did you mean {near[0]}?" if near else f"it may hold {', '.join(options)}",
            )
        _check(ctx, option, value, f"{path}: {key}")
        assert option.name is not None
        defaults[option.name] = value
    ctx.default_map = defaults
    return path


def config_text(ctx: click.Context, decided: Mapping[str, Any]) -> str:
    """Return the options of a running command as a file that `read_config` takes.

    Args:
        ctx: Context of the running command.
        decided: values by parameter name that stand in place of what was asked for, as ``auto``.
    """
    lines = []
    for key, option in _options(ctx).items():
        value = {**ctx.params, **decided}.get(option.name or "")
        if value is not None:  # TOML has no word for nothing
            lines.append(f"{key} = {_toml(value)}\n")
    return "".join(lines)


def _options(ctx: click.Context) -> dict[str, click.Option]:
    """Return the options that a file may hold, by the name that they have there."""
    return {
        next(name for name in option.opts if name.startswith("--")).removeprefix("--"): option
        for option in ctx.command.params
        if isinstance(option, click.Option) and option.expose_value and option.name not in _ELSEWHERE
    }


def _check(ctx: click.Context, option: click.Option, value: object, where: str) -> None:
    kind = next((kind for family, kind in _KINDS.items() if isinstance(option.type, family)), _TEXT)
    types, expected = kind
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise UsageError(f"{where} must be {expected}, found {json.dumps(value, default=str)}")
    try:
        option.type.convert(value, option, ctx)
    except click.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from error


def _toml(value: object) -> str:
    if isinstance(value, bool | int | float):
        return repr(value).lower()
    from deepmark.models.training.optimisation_config import as_typed

    text = json.dumps(str(as_typed(value)), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")  # all that TOML writes otherwise
