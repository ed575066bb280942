"""Which GPU MNN will take: its name, and what it can do, asked of OpenCL's and Vulkan's own libraries.

MNN takes the first GPU of the first platform that OpenCL lists, and Vulkan's first device. It tells neither name nor
limits, and takes what a device lacks for a wish: without fp16 it computes in fp32 and says nothing.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass

from deepmark.errors import EngineError
from deepmark.runtime.engines.gpu_settings import Gpu

# In the order in which MNN looks (OpenCLWrapper.cpp, vulkan_wrapper.cpp); a library that this process has loaded under
# the bare name counts, too.
_OPENCL_LIBRARIES = (
    "/usr/lib/libOpenCL.so",
    "/usr/local/lib/libOpenCL.so",
    "/usr/local/lib/libpocl.so",
    "/usr/lib64/libOpenCL.so",
    "/usr/lib32/libOpenCL.so",
    "libOpenCL.so",
)
_VULKAN_LIBRARIES = ("libvulkan.so",)

_DEVICE_GPU, _DEVICE_ALL = 4, 0xFFFFFFFF
_IMAGE_WIDTH, _IMAGE_HEIGHT, _CLOCK, _NAME, _DRIVER, _EXTENSIONS = 0x1011, 0x1012, 0x100C, 0x102B, 0x102D, 0x1030
_LONGEST = 1 << 16  # of a device's answers, in bytes
_VULKAN_NAME, _VULKAN_IMAGE = 20, 300  # of VkPhysicalDeviceProperties, in bytes


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """What a driver says of a GPU.

    Attributes:
        name: name of the GPU.
        driver: version of its driver.
        fp16: whether fp16 can be stored and computed; in Vulkan's images it always can.
        image_limit: largest width and height of an image, in pixels.
        clock_mhz: highest clock, in MHz; 0 where it is not told.
    """

    name: str
    driver: str
    fp16: bool
    image_limit: int
    clock_mhz: int


def find_device(gpu: Gpu) -> GpuDevice:
    """Return the device that MNN takes.

    Raises:
        EngineError: there is no driver, or no device.
    """
    return _opencl_device() if gpu == "opencl" else _vulkan_device()


def _opencl_device() -> GpuDevice:
    library = _load(_OPENCL_LIBRARIES, "OpenCL", "Debian: ocl-icd-opencl-dev has libOpenCL.so")
    count, platform = ctypes.c_uint(), ctypes.c_void_p()
    if library.clGetPlatformIDs(1, ctypes.byref(platform), ctypes.byref(count)) or not count.value:
        raise EngineError("OpenCL has no driver here", hint="install the GPU's own driver, or compute on the CPU")
    device = ctypes.c_void_p()
    ask = library.clGetDeviceIDs
    ask.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    if ask(platform, _DEVICE_GPU, 1, ctypes.byref(device), ctypes.byref(count)) or not count.value:
        other = not ask(platform, _DEVICE_ALL, 1, ctypes.byref(device), ctypes.byref(count)) and count.value
        found = f", only {_opencl_text(library, device, _NAME)}, which is none" if other else ""
        raise EngineError(f"OpenCL has no GPU here{found}", hint="compute on the CPU")
    limits = [_opencl_number(library, device, one) for one in (_IMAGE_WIDTH, _IMAGE_HEIGHT)]
    return GpuDevice(
        name=_opencl_text(library, device, _NAME),
        driver=_opencl_text(library, device, _DRIVER),
        fp16="cl_khr_fp16" in _opencl_text(library, device, _EXTENSIONS).split(),
        image_limit=min(limits),
        clock_mhz=_opencl_number(library, device, _CLOCK),
    )


def _opencl_answer(library: ctypes.CDLL, device: ctypes.c_void_p, what: int) -> bytes:
    size, answer = ctypes.c_size_t(), ctypes.create_string_buffer(_LONGEST)
    if library.clGetDeviceInfo(device, what, ctypes.c_size_t(_LONGEST), answer, ctypes.byref(size)):
        raise EngineError(f"OpenCL's device does not answer question {what:#x}", hint="restart, or compute on the CPU")
    return answer.raw[: size.value]


def _opencl_text(library: ctypes.CDLL, device: ctypes.c_void_p, what: int) -> str:
    return _opencl_answer(library, device, what).rstrip(b"\0").decode(errors="replace").strip()


def _opencl_number(library: ctypes.CDLL, device: ctypes.c_void_p, what: int) -> int:
    return int.from_bytes(_opencl_answer(library, device, what), "little")


class _InstanceCreateInfo(ctypes.Structure):
    """VkInstanceCreateInfo without layers and extensions."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


def _vulkan_device() -> GpuDevice:
    library = _load(_VULKAN_LIBRARIES, "Vulkan", "Debian: libvulkan-dev has libvulkan.so")
    instance, count, device = ctypes.c_void_p(), ctypes.c_uint32(1), ctypes.c_void_p()
    if library.vkCreateInstance(ctypes.byref(_InstanceCreateInfo(kind=1)), None, ctypes.byref(instance)):
        raise EngineError("Vulkan has no driver here", hint="install the GPU's own driver, or compute on the CPU")
    try:
        library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), ctypes.byref(device))
        if not count.value or not device.value:
            raise EngineError("Vulkan has no device here", hint="compute on the CPU")
        properties = ctypes.create_string_buffer(_LONGEST)
        library.vkGetPhysicalDeviceProperties(device, properties)
    finally:
        library.vkDestroyInstance(instance, None)
    (driver,) = struct.unpack_from("<I", properties, 4)
    (limit,) = struct.unpack_from("<I", properties, _VULKAN_IMAGE)
    name = properties.raw[_VULKAN_NAME : _VULKAN_NAME + 256].split(b"\0")[0].decode(errors="replace")
    version = f"{driver >> 22}.{driver >> 12 & 1023}.{driver & 4095}"
    return GpuDevice(name, version, fp16=True, image_limit=limit, clock_mhz=0)


def _load(paths: tuple[str, ...], name: str, hint: str) -> ctypes.CDLL:
    for path in paths:
        try:
            return ctypes.CDLL(path, mode=os.RTLD_NOW)
        except OSError:
            continue
    raise EngineError(f"{name} is not installed: there is no {paths[-1]}", hint=hint)
