"""What ``deepmark bench`` asks for ``--device adb``, and which of its other options mean nothing there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from deepmark.console import say
from deepmark.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

PHONE_THREADS = 4  # the paper's
_ONLY_ADB = ("serial", "precision", "techniques", "power", "keep")
_ONLY_HOST = ("cores", "backend", "against", "checkpoint")


class _Techniques(click.ParamType[str]):
    """``manifest``, ``all``, ``none``, or numbers of the paper's techniques with commas."""

    name = "techniques"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text."""
        text = str(value)
        if text not in {"manifest", "all", "none"} and not re.fullmatch(r"[1-4](,[1-4]){0,3}", text):
            self.fail(f"{text!r} is none of manifest, all, none, or numbers such as 1,3", param, ctx)
        return text


def phone_options(command: Command) -> Command:
    """Add the options that only a phone has."""
    for option in reversed(
        (
            click.option("--serial", metavar="SERIAL", help="adb: the phone, where there are several."),
            click.option(
                "--precision",
                type=click.Choice(["fp32", "fp16"]),
                multiple=True,
                help="adb: precision to compute in; may be repeated.  [default: fp32]",
            ),
            click.option(
                "--techniques",
                metavar="manifest|all|none|1,2,3,4",
                type=_Techniques(),
                multiple=True,
                help="adb: of the decoder; may be repeated.  [default: manifest]",
            ),
            click.option(
                "--power", type=click.Choice(["normal", "high", "low"]), help="adb: MNN's mode.  [default: normal]"
            ),
            click.option("--keep", is_flag=True, help="adb: leave the copied files on the phone."),
        )
    ):
        command = option(command)
    return command


def check_options(device: str) -> None:
    """Refuse options of the running command that the device does not have.

    Raises:
        UsageError: one was given.
    """
    ctx = click.get_current_context()
    strange = _ONLY_HOST if device == "adb" else _ONLY_ADB
    for name in strange:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            other = "host" if device == "adb" else "adb"
            raise UsageError(f"--{name} goes with --device {other} only", hint="deepmark bench --help")


def measure_on_phone(
    *,
    models: tuple[Path, ...],
    sizes: tuple[str, ...],
    threads: tuple[int, ...],
    images: Path | None,
    plan: dict[str, float],
    command: str,
    options: dict[str, Any],
) -> Any:  # a Result; naming it would import all of it for --help
    """Measure on a phone as the command line asks; ``options`` are those of `phone_options`."""
    import msgspec

    from deepmark.benchmarks.device import programs
    from deepmark.benchmarks.device.benchmark import PhoneRequest, run_on_phone
    from deepmark.benchmarks.result.document import BenchPlan
    from deepmark.models.size import parse_size

    request = PhoneRequest(
        models=models,
        serial=options["serial"],
        sizes=tuple(dict.fromkeys(map(parse_size, sizes))),
        threads=tuple(dict.fromkeys(threads)),
        precisions=tuple(dict.fromkeys(options["precision"])) or ("fp32",),
        techniques=tuple(dict.fromkeys(options["techniques"])) or ("manifest",),
        power=options["power"] or "normal",
        images=images,
        plan=msgspec.convert(plan, BenchPlan),
        keep=options["keep"],
        build=programs.build_for_phone,
        command=command,
        on_message=say,
    )
    return run_on_phone(request)
