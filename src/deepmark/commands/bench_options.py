"""What ``deepmark bench`` can be asked for, and what does not go together."""

from __future__ import annotations

import re
from pathlib import Path

import click

from deepmark.commands.options import FIT_HELP, adding, given_options, multi_scale_options
from deepmark.errors import UsageError
from deepmark.runtime.input_fit import FITS

RIVALS = ("torch", "onnxruntime", "mnn", "ncnn", "openvino")
_ONLY_ADB = ("serial", "precision", "techniques", "power", "keep", "find")
_TRIED_BY_FIND = ("precision", "compute", "gpu_precision", "opencl_storage", "sweep")
_OUTPUT = ("as_json", "quiet", "verbose")
# What goes with --from: where the result goes. All else says how to measure, and the app did that.
_WITH_APP = ("models", "shared", "output", "csv", "report", "accuracy", "compare", *_OUTPUT)
# What goes with --layers: a model runs alone, and its network only.
_WITH_LAYERS = ("models", "layers", "threads", "cores", "sizes", "backend", "runs", "seconds", *_OUTPUT)
_ONLY_HOST = ("cores", "backend", "against", "checkpoint", "scales", "scales_mode")


class RivalsType(click.ParamType[tuple[str, ...]]):
    """Names of rivals with commas."""

    name = "rivals"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Turn the text into names."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if unknown := [name for name in names if name not in RIVALS]:
            self.fail(f"{unknown[0]!r} is none of {', '.join(RIVALS)}", param, ctx)
        return names


class TechniqueSetsType(click.ParamType[str]):
    """``manifest``, ``all``, ``none``, or numbers of the paper's techniques with commas."""

    name = "techniques"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text."""
        text = str(value)
        if text not in {"manifest", "all", "none"} and not re.fullmatch(r"[1-4](,[1-4]){0,3}", text):
            self.fail(f"{text!r} is none of manifest, all, none, or numbers such as 1,3", param, ctx)
        return text


class ShapeType(click.ParamType[tuple[int, int]]):
    """Width to height, such as ``3:4``."""

    name = "shape"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Turn the text into two numbers."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})", str(value))
        if found is None:
            self.fail(f"{value!r} is no shape: width to height, such as 3:4 or 16:9", param, ctx)
        return int(found[1]), int(found[2])


inference_options = adding(  # the input's shape, and the paper's multi-inference
    click.option(
        "--fit",
        type=click.Choice(FITS),
        multiple=True,
        help=f"{FIT_HELP} May be repeated, to compare; rect needs --images or --shape.  [default: by the model]",
    ),
    click.option(
        "--shape",
        metavar="W:H",
        type=ShapeType(),
        help="Cut pictures to this width to height first, such as 3:4: the middle, as large as it can be.",
    ),
    click.option(
        "--flip", is_flag=True, help="Measure each model with a flip test too: of a picture and its mirror image."
    ),
    multi_scale_options(
        "Measure each model at several scales of a picture too, such as .85,.95,1,1.1; with --flip both at once.",
        "Network's input at a scale.  [default: fix]",
    ),
)
phone_options = adding(
    click.option("--serial", metavar="SERIAL", help="adb: serial number of the phone, where there are several."),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "fp16"]),
        multiple=True,
        help="adb: precision to compute in; may be repeated.  [default: fp32]",
    ),
    click.option(
        "--techniques",
        metavar="manifest|all|none|1,2,3,4",
        type=TechniqueSetsType(),
        multiple=True,
        help="adb: techniques of the decoder; may be repeated.  [default: manifest]",
    ),
    click.option(
        "--power", type=click.Choice(["normal", "high", "low"]), help="adb: power mode of MNN.  [default: normal]"
    ),
    click.option("--keep", is_flag=True, help="adb: leave the copied files on the phone."),
    click.option(
        "--find", is_flag=True, help="adb: try CPU and GPU in every way, and name the fastest, smallest and coolest."
    ),
)


def check_options(device: str) -> None:
    """Refuse options of the running command that the device does not have, and those that ``--find`` tries by itself.

    Raises:
        UsageError: one was given.
    """
    other, strange = ("host", _ONLY_HOST) if device == "adb" else ("adb", _ONLY_ADB)
    given = given_options()
    for name in strange:
        if name in given:
            raise UsageError(f"{given[name]} goes with --device {other} only", hint="deepmark bench --help")
    for name in _TRIED_BY_FIND:
        if "find" in given and name in given:
            raise UsageError(f"--find tries every {given[name]}", hint="leave one of them out")


def more_files(models: tuple[Path, ...]) -> tuple[Path, ...]:
    """Take what stands behind ``--from FILE`` as more files, as a shell writes out ``--from *.json``.

    Raises:
        UsageError: one is no JSON file by its name, and so would be a MODEL.
    """
    strange = next((one for one in models if one.suffix.lower() != ".json"), None)
    if strange is not None:
        raise UsageError(
            f"--from reads results of the app and runs no MODEL, found {strange}",
            hint="deepmark bench --from FILE.json",
        )
    return models


def check_layer_options() -> None:
    """Refuse options of the running command that ``--layers`` has no use for.

    Raises:
        UsageError: one was given.
    """
    _refuse_others(_WITH_LAYERS, "does not go with --layers, which runs the network alone")


def check_app_options() -> None:
    """Refuse options of the running command that say how to measure.

    Raises:
        UsageError: one was given.
    """
    _refuse_others(_WITH_APP, "says how to measure, and --from reads what the app measured")


def _refuse_others(allowed: tuple[str, ...], why: str) -> None:
    for name, typed in given_options().items():
        if name not in allowed:
            raise UsageError(f"{typed} {why}", hint="deepmark bench --help")
