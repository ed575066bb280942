"""A click command as a program of ours: click's errors as ours, and the exit codes that go with them."""

from __future__ import annotations

from typing import NoReturn

import click

from deepmark import console
from deepmark.errors import DeepMarkError, UsageError


def run(command: click.Command, prog_name: str) -> NoReturn:
    """Run a command line and leave the process with the documented exit code.

    Args:
        command: group or command.
        prog_name: how it is called in its help and in errors.
    """
    console.run(lambda: _call(command, prog_name))


def _call(command: click.Command, prog_name: str) -> int:
    try:
        code = command.main(prog_name=prog_name, standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else prog_name
        raise UsageError(error.format_message(), hint=f"{asked} --help") from error
    except click.ClickException as error:
        raise DeepMarkError(error.format_message()) from error
    except click.Abort as stop:  # which click makes of Ctrl-C
        raise stop.__cause__ if isinstance(stop.__cause__, KeyboardInterrupt) else KeyboardInterrupt from None
    return code if isinstance(code, int) else 0
