#!/bin/sh
# Run a command with GPUs that are software: OpenCL's is PoCL behind the tests' shim, which makes it a Mali-G76; Vulkan's
# is lavapipe; MNN's back ends are those that tools/gpu_toolchain.sh built. PoCL keeps nothing of its own, so that what
# is compiled anew is compiled. Times on such devices mean nothing; ratios of two ways to do the same may.
#   sh tools/software_gpus.sh .venv/bin/deepmark verify build/demo/demo.deepmark --compute opencl
set -eu
[ $# -gt 0 ] || { echo "usage: sh tools/software_gpus.sh COMMAND ..." >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
libraries=${MNN_GPU_LIBRARIES:-$root/build/cache/gpu/mnn-$(sed -n 's/^mnn==//p' "$root/constraints.txt")}
[ -d "$libraries" ] || { echo "no $libraries: run sh tools/gpu_toolchain.sh" >&2; exit 1; }
shim=$(mktemp -d)
trap 'rm -rf "$shim"' EXIT
gcc -shared -fPIC -O1 -fvisibility=hidden "$root/tests/support/gpu_shims/libOpenCL.c" -o "$shim/libOpenCL.so" \
    -Wl,-soname,libOpenCL.so -Wl,--no-as-needed -l:libOpenCL.so.1 -ldl
MNN_GPU_LIBRARIES=$libraries LD_LIBRARY_PATH=$shim${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} POCL_KERNEL_CACHE=0 \
    VK_ICD_FILENAMES=${VK_ICD_FILENAMES:-/usr/share/vulkan/icd.d/lvp_icd.x86_64.json} "$@"
