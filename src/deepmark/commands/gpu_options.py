"""Options of commands that can compute on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deepmark.commands.options import adding, given_options
from deepmark.errors import UsageError

if TYPE_CHECKING:
    from deepmark.runtime.engines.gpu_settings import GpuSettings

COMPUTES = ("cpu", "opencl", "vulkan")
_OPTIONS = ("gpu_precision", "opencl_storage", "gpu_tuning", "allow_cpu_operators")

gpu_options = adding(
    click.option(
        "--gpu-precision",
        type=click.Choice(["high", "normal", "low"]),
        default="high",
        show_default=True,
        help="GPU: fp32; fp16 stored and fp32 sums; fp16.",
    ),
    click.option(
        "--opencl-storage",
        type=click.Choice(["image", "buffer"]),
        default="image",
        show_default=True,
        help="OpenCL: how maps are kept; buffers have no depthwise deconvolution.",
    ),
    click.option(
        "--gpu-tuning",
        type=click.Choice(["none", "fast", "normal", "wide", "heavy"]),
        default="wide",
        show_default=True,
        help="GPU: how long work group sizes are tried; Vulkan: none, wide, heavy.",
    ),
    click.option(
        "--allow-cpu-operators", is_flag=True, help="GPU: go on where it lacks operators, and name those on the CPU."
    ),
)


def gpu_settings_of(computes: tuple[str, ...], given: dict[str, Any]) -> GpuSettings | None:
    """Return the settings for a GPU; None where only the CPU is to compute.

    Args:
        computes: what was asked to compute.
        given: values of `gpu_options` by argument.

    Raises:
        UsageError: an option of a GPU was given without one, or one that the interface asked for does not have.
    """
    from deepmark.runtime.engines.gpu_settings import GPU_NAMES, GpuSettings

    gpus = [one for one in GPU_NAMES if one in computes]
    if not gpus:
        _refuse(_OPTIONS, "opencl or vulkan")
        return None
    if "opencl" not in gpus:
        _refuse(("opencl_storage",), "opencl")
    settings = GpuSettings(
        precision=given["gpu_precision"],
        storage=given["opencl_storage"],
        tuning=given["gpu_tuning"],
        allow_cpu_operators=given["allow_cpu_operators"],
    )
    for one in gpus:
        settings.mode(one)  # refuses a tuning that it does not have
    return settings


def _refuse(names: tuple[str, ...], computes: str) -> None:
    """Refuse options of the running command that nothing would heed."""
    given = given_options()
    for name in names:
        if name in given:
            command = click.get_current_context().command_path
            raise UsageError(f"{given[name]} goes with --compute {computes}", hint=f"{command} --help")
