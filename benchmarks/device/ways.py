"""How a contestant computes on a phone: on its CPU in a precision, or on its GPU, proven operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepmark.benchmarks.device.programs import PhoneBuild, Precision
from deepmark.benchmarks.result.phone import PhoneIdentity
from deepmark.errors import DeviceError
from deepmark.runtime.engines.gpu_libraries import LIBRARY_NAMES
from deepmark.runtime.engines.gpu_settings import GPU_NAMES, Compute, Gpu, GpuPrecision, GpuSettings, Storage

KERNELS = "kernels"
"""Folder on the phone, beside the bundles, that keeps what a GPU's driver compiled."""

_STORAGES: tuple[Storage, ...] = ("image", "buffer")
_CLOSED_TO_SHELLS = ("huawei", "honor")  # makers whose Vulkan opens inside apps only (MNN's issue 541 and others)


@dataclass(frozen=True, slots=True)
class Way:
    """How a network is computed.

    Attributes:
        compute: what computes.
        precision: precision that the CPU is asked for; a GPU has its own.
        gpu: how a GPU computes; None on the CPU.
    """

    compute: Compute = "cpu"
    precision: Precision = "fp32"
    gpu: GpuSettings | None = None

    @property
    def label(self) -> str:
        """Name it in a few words, for example ``fp16`` or ``opencl image high``."""
        if self.gpu is None:
            return self.precision
        storage = [self.gpu.storage] if self.compute == "opencl" else []
        return " ".join([self.compute, *storage, self.gpu.precision])

    def words(self, threads: int) -> list[str]:
        """Return the options of the programs."""
        if self.compute == "cpu" or self.gpu is None:
            return ["--threads", str(threads), "--precision", self.precision]
        return [*self.gpu.program_words(self.compute), "--kernels", KERNELS]

    @property
    def tuning_s(self) -> int:
        """Longest time for compiling and tuning, in seconds; a CPU does neither."""
        return 0 if self.gpu is None else int(self.gpu.timeout_s)


def gpu_ways(computes: Sequence[Compute], gpu: GpuSettings) -> tuple[Way, ...]:
    """Return a way for each GPU interface among what is to compute."""
    return tuple(Way(one, gpu=gpu) for one in computes if one != "cpu")


def all_gpu_ways(gpu: GpuSettings) -> tuple[Way, ...]:
    """Return every way of a GPU that may be the best one; what a phone lacks, its proof shows.

    Args:
        gpu: tuning, time-out and whether operators may run on the CPU.
    """

    def settings(precision: GpuPrecision, storage: Storage = "image") -> GpuSettings:
        return GpuSettings(precision, storage, gpu.tuning, gpu.allow_cpu_operators, gpu.timeout_s)

    precisions: tuple[GpuPrecision, ...] = ("high", "normal", "low")
    opencl = tuple(Way("opencl", gpu=settings(one, storage)) for storage in _STORAGES for one in precisions)
    return (*opencl, Way("vulkan", gpu=settings("high")), Way("vulkan", gpu=settings("normal")))


def require_possible(gpu: Gpu, identity: PhoneIdentity, build: PhoneBuild) -> None:
    """Refuse an interface that programs of a shell cannot use on a phone.

    Raises:
        DeviceError: they cannot.
    """
    if gpu == "vulkan" and (identity.manufacturer or "").lower() in _CLOSED_TO_SHELLS:
        raise DeviceError(
            f"{identity.title} opens Vulkan inside apps only: MNN, started by adb, would compute on the CPU",
            hint="let the app measure it (docs/phone-gpu.md), and read what it shares by deepmark bench --from",
        )
    if LIBRARY_NAMES[gpu] not in build.files:
        raise DeviceError(
            f"the programs for the phone were built without MNN's {GPU_NAMES[gpu]} back end, {LIBRARY_NAMES[gpu]}",
            hint="build with Android's NDK and MNN's release, which has it: ANDROID_NDK_HOME, MNN_ANDROID"
            " (docs/native.md)",
        )
