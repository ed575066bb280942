"""How MNN computes on a GPU: the choices, and the numbers that MNN takes for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from deepmark.errors import UsageError

Compute = Literal["cpu", "opencl", "vulkan"]
Gpu = Literal["opencl", "vulkan"]
GpuPrecision = Literal["high", "normal", "low"]
Storage = Literal["image", "buffer"]
Tuning = Literal["none", "fast", "normal", "wide", "heavy"]

GPU_NAMES: dict[Gpu, str] = {"opencl": "OpenCL", "vulkan": "Vulkan"}  # as users know them
TIMEOUT_S = 300.0  # phones took up to 52 s to compile and tune, one over five minutes

_PRECISIONS = {"normal": 0, "high": 1, "low": 2}
_STORAGES = {"buffer": 64, "image": 128}
_TUNINGS = {"none": 1, "heavy": 2, "wide": 4, "normal": 8, "fast": 16}
_VULKAN_TUNINGS = ("none", "heavy", "wide")  # of other numbers MNN says that it takes its default


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """How a session computes on a GPU.

    Attributes:
        precision: ``"high"`` computes in fp32; ``"normal"`` stores maps and weights in fp16; ``"low"`` adds up in fp16,
            too. On Vulkan normal and low are the same.
        storage: how OpenCL keeps maps: as images, where all our operators run, or as buffers, MNN's own choice on Mali,
            which have no depthwise deconvolution. Vulkan has images only.
        tuning: how long work group sizes are tried when a session is made.
        allow_cpu_operators: whether operators may run on the CPU where the GPU has none.
        timeout_s: longest time for compiling, tuning and trying a model in a process of its own, in seconds.
    """

    precision: GpuPrecision = "high"
    storage: Storage = "image"
    tuning: Tuning = "wide"
    allow_cpu_operators: bool = False
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        """Refuse what MNN would take for something else.

        Raises:
            UsageError: names the setting, its choices and the value.
        """
        for name, choices in (
            ("precision", get_args(GpuPrecision)),
            ("storage", get_args(Storage)),
            ("tuning", get_args(Tuning)),
        ):
            if getattr(self, name) not in choices:
                raise UsageError(f"{name} must be one of {', '.join(choices)}, found {getattr(self, name)!r}")
        if not self.timeout_s > 0:
            raise UsageError(f"timeout_s must be above 0, found {self.timeout_s}")

    def precision_code(self) -> int:
        """The number of the precision for MNN."""
        return _PRECISIONS[self.precision]

    def mode(self, gpu: Gpu) -> int:
        """The number that MNN takes in the place of a number of threads.

        Raises:
            UsageError: Vulkan has no such tuning.
        """
        if gpu == "opencl":
            return _STORAGES[self.storage] | _TUNINGS[self.tuning]
        if self.tuning not in _VULKAN_TUNINGS:
            raise UsageError(
                f"tuning must be one of {', '.join(_VULKAN_TUNINGS)} on Vulkan, found {self.tuning!r}",
                hint="OpenCL has all of them",
            )
        return _TUNINGS[self.tuning]

    def program_words(self, gpu: Gpu) -> list[str]:
        """The options of the C++ programs that say the same."""
        words = ["--compute", gpu, "--gpu-precision", self.precision, "--gpu-tuning", self.tuning]
        if gpu == "opencl":
            words += ["--opencl-storage", self.storage]
        return [*words, "--allow-cpu-operators"] if self.allow_cpu_operators else words

    def arithmetic(self, gpu: Gpu) -> str:
        """Name the number format that is computed in, as `EngineRecord.precision` has it."""
        if self.precision == "high":
            return "fp32"
        return "fp16" if self.precision == "low" and gpu == "opencl" else "fp16, sums in fp32"

    def named(self, device: str, gpu: Gpu) -> str:
        """Name where a session computes, for example ``Mali-G76 (OpenCL, IMAGE)``."""
        return f"{device} ({GPU_NAMES[gpu]}, {(self.storage if gpu == 'opencl' else 'image').upper()})"


def require_compute(compute: str) -> Compute:
    """Return what is computed on.

    Raises:
        UsageError: it is none of the choices.
    """
    if compute not in get_args(Compute):
        raise UsageError(f"unknown compute {compute!r}", hint=f"choose one of {', '.join(get_args(Compute))}")
    return "cpu" if compute == "cpu" else "opencl" if compute == "opencl" else "vulkan"
