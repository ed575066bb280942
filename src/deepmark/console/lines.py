"""How every command talks: results to stdout as JSON, tables and progress to stderr, errors as one line and a hint."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click

from deepmark.errors import DeepMarkError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
STOPPED = 143  # 128 + SIGTERM
STDERR = 2  # its file descriptor

Command = TypeVar("Command", bound=Callable[..., Any])


class _Stopped(KeyboardInterrupt):
    """SIGTERM came: what tidies up after Ctrl-C tidies up after it, too."""


def run(command: click.Command, prog_name: str) -> NoReturn:
    """Run a command line and leave the process with the documented exit code.

    A `DeepMarkError` becomes ``error:`` and ``hint:`` lines on stderr and its own exit code, a wrong command line
    likewise with 2; Ctrl-C becomes one line and 130, SIGTERM one line and 143, both after tidying up; a reader of
    stdout that went away ends the program quietly, a full disk below stdout with one line.
    """
    _open_missing_streams()
    _keep_stderr_apart()
    _tidy_up_when_stopped()
    try:
        code = command.main(prog_name=prog_name, standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that went away is expected, and not when Python shuts down
    except DeepMarkError as error:
        fail(error)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else prog_name
        _fail(error.format_message(), f"{asked} --help", error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), None, error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        if isinstance(stop.__cause__ or stop, _Stopped):  # click makes an Abort of it
            _fail("stopped (SIGTERM)", None, STOPPED)
        _fail("interrupted", None, INTERRUPTED)
    except OSError as error:
        if error.filename is not None:  # not of a stream: a bug, as what fails in files is told where they are written
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it shuts down
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        _fail(f"cannot write the result to standard output: {error.strerror}", None, 1)
    sys.exit(code if isinstance(code, int) else 0)


def _tidy_up_when_stopped() -> None:
    """Let SIGTERM end this process as Ctrl-C does; one that was forked off it ends at once, as ever."""
    owner = os.getpid()

    def stop(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise _Stopped
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    with suppress(ValueError):  # only the main thread may say so
        signal.signal(signal.SIGTERM, stop)


def _open_missing_streams() -> None:
    """Open what of stdin, stdout and stderr the program was started without (``>&-``).

    Otherwise the next file that is opened takes its number, and what a native library prints goes into that file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:  # the lowest number that is free
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  open until the end


def _keep_stderr_apart() -> None:
    """Give Python's stderr a descriptor of its own, so that what we say is never caught as a native library's noise.

    `deepmark.runtime.native_libraries` leads descriptor 2 elsewhere for a while, and other threads may speak meanwhile.
    """
    stream = sys.stderr
    with suppress(io.UnsupportedOperation):  # one in memory has no descriptor to share
        if stream.fileno() == STDERR:
            own = os.dup(STDERR)
            sys.stderr = open(own, "w", 1, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115


def fail(error: DeepMarkError) -> NoReturn:
    """Print an error with its hint on stderr and leave with its exit code."""
    _fail(str(error), error.hint, error.exit_code)


def _fail(message: str, hint: str | None, code: int) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    sys.exit(code)


def output_options(command: Command) -> Command:
    """Add ``--json`` (argument ``as_json``), ``-v`` and ``-q`` to a command."""
    command = click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, is_eager=True, callback=_quiet, help="Print errors only."
    )(command)
    command = click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_verbose,
        help="Print what is done and why.",
    )(command)
    return click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")(
        command
    )


def _verbose(ctx: click.Context, _: click.Parameter, on: bool) -> None:
    if on:
        _set_level(ctx, logging.DEBUG)


def _quiet(ctx: click.Context, _: click.Parameter, on: bool) -> None:
    if on:
        _set_level(ctx, logging.ERROR)


def _set_level(ctx: click.Context, level: int) -> None:
    """Let our own loggers say as much; those of the libraries below stay as quiet as they are."""
    ctx.find_root().meta["deepmark.level"] = level
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr, force=True)
    logging.getLogger("deepmark").setLevel(level)


def be_quiet() -> None:
    """Print errors only from here on, as if ``-q`` was given to the running command."""
    _set_level(click.get_current_context(), logging.ERROR)


def is_quiet() -> bool:
    """Tell whether ``-q`` was given to the running command."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and ctx.find_root().meta.get("deepmark.level") == logging.ERROR


def print_json(document: object) -> None:
    """Print one JSON document on stdout; takes what msgspec takes (structs, dataclasses, lists, dicts)."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def say(line: str) -> None:
    """Print a line for the reader on stderr, unless ``-q`` was given."""
    if not is_quiet():
        click.echo(line, err=True)


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left while the block runs; it yields a function to call after every step.

    The bar stands on stderr, and only where that is a terminal and ``-q`` was not given. Lines of `say` go above it.

    Args:
        label: what is done.
        total: number of steps, or None where nobody knows.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task(label, total=total)

        def advance() -> None:
            bar.advance(task)
            bar.refresh()

        yield advance


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table on stderr, unless ``-q`` was given; columns whose cells are all numbers stand on the right."""
    if is_quiet():
        return
    from rich.console import Console
    from rich.table import Table

    cells = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        numeric = bool(cells) and all(_is_number(row[number]) for row in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140).print(table)


def _is_number(text: str) -> bool:
    return not text or text in {"-", "–"} or text[0].isdigit() or (text[0] in "+-." and text[1:2].isdigit())
