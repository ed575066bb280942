"""Kernels of one session, and the sessions that must not get them."""

from __future__ import annotations

from dataclasses import replace

from deepmark.runtime.engines.gpu_devices import GpuDevice
from deepmark.runtime.engines.kernel_cache import KernelKey

DEVICE = GpuDevice("Mali-G76", "r18p0", fp16=True, image_limit=8192, clock_mhz=600)
KEY = KernelKey("ab" * 32, "opencl", DEVICE, "3.6.1", 132, 1, 0, False, (1, 3, 64, 96))
CONTENT = b"binaries and sizes" * 100

# Each differs from KEY in one thing that compiled kernels depend on.
OTHERS = (
    replace(KEY, model_sha256="cd" * 32),
    replace(KEY, gpu="vulkan"),
    replace(KEY, device=replace(DEVICE, name="Mali-G77")),
    replace(KEY, device=replace(DEVICE, driver="r19p0")),
    replace(KEY, device=replace(DEVICE, image_limit=300)),
    replace(KEY, mnn="3.6.2"),
    replace(KEY, mode=65),
    replace(KEY, precision=0),
    replace(KEY, memory=2),
    replace(KEY, cpu_operators=True),
    replace(KEY, shape=(1, 3, 96, 64)),
)
