#!/bin/sh
# Build MNN's two GPU back ends, libMNN_CL.so (OpenCL) and libMNN_Vulkan.so, for the engine in PyPI's wheel, which has
# none but brings every symbol that they need; and install what the tests run them on, on Debian and Ubuntu: PoCL (OpenCL
# on the CPU) and lavapipe (Vulkan on the CPU). The sources are those of crates.io's mnn-sys, which carries all of MNN's;
# cargo fetches it, its hash is known. They go to gpu/mnn-VERSION in build/cache, or in $DEEPMARK_CACHE, beside MNN's own
# headers, which our declarations of its interface are held to. Does nothing where that was done by this very script;
# safe to call again. What cannot be had is said, and the tests that need it are skipped. $GPU_JOBS: compilers that run
# at once, else one a core.
set -eu
cd "$(dirname "$0")/.."

crate=mnn-sys-0.2.0
sha256=9034853e342dde6533c5ad8cffd7e0f979e3cd4ce0e782630177e9659f1328b0
version=$(sed -n 's/^mnn==//p' constraints.txt)
cache=${DEEPMARK_CACHE:-build/cache}
mkdir -p "$cache/gpu"
target=$(cd "$cache/gpu" && pwd)/mnn-$version
key=$(cat tools/gpu_toolchain.sh constraints.txt | sha256sum | cut -c1-16)

sh tools/debian_packages.sh g++:g++
for library in libpocl.so.2:pocl-opencl-icd libOpenCL.so.1:ocl-icd-libopencl1 libvulkan_lvp.so:mesa-vulkan-drivers \
    libvulkan.so:libvulkan-dev CL/cl.h:opencl-headers; do
    ls /usr/include/"${library%%:*}" /usr/lib/*/"${library%%:*}" >/dev/null 2>&1 ||
        sh tools/debian_packages.sh "no-such-program:${library#*:}" || echo "cannot install ${library#*:}" >&2
done

[ ! -f "$target/.built-$key" ] || exit 0
command -v g++ >/dev/null 2>&1 || { echo "without g++ MNN's GPU back ends are not built" >&2; exit 0; }
archive=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "$crate.crate" 2>/dev/null | head -n 1)
if [ -z "$archive" ]; then # `cargo info` downloads this one crate and nothing that it depends on
    cargo info --quiet "${crate%-*}@${crate##*-}" >/dev/null 2>&1 || {
        echo "cargo (1.82 or later) does not bring $crate: MNN's GPU back ends are not built" >&2
        exit 0
    }
    archive=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "$crate.crate" | head -n 1)
fi
echo "$sha256  $archive" | sha256sum --check --status || { echo "$archive is another file than expected" >&2; exit 1; }

work=$(mktemp -d "$(dirname "$target")/.making-XXXXXX")
trap 'rm -rf "$work"' EXIT
tar -xzf "$archive" -C "$work" "$crate/vendor/include" "$crate/vendor/source" "$crate/vendor/schema" \
    "$crate/vendor/3rd_party/OpenCLHeaders" "$crate/vendor/3rd_party/flatbuffers" "$crate/vendor/3rd_party/half"
vendor=$work/$crate/vendor
found=$(sed -n 's/^#define MNN_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' "$vendor/include/MNN/MNNDefine.h" | paste -sd .)
[ "$found" = "$version" ] || { echo "$crate holds MNN $found, the wheel is $version" >&2; exit 1; }

# The wheel's own flags, as far as they change what headers say; -O1, as these files only hand work to the GPU.
common="-std=gnu++11 -O1 -w -fPIC -fno-rtti -fno-exceptions -fvisibility=hidden -D_GLIBCXX_USE_CXX11_ABI=0 \
    -DMNN_LOW_MEMORY -DMNN_SUPPORT_DEPRECATED_OPV2 -DMNN_SUPPORT_QUANT_EXTEND -DMNN_USE_LIB_WRAPPER -DMNN_USE_THREAD_POOL \
    -I$vendor -I$vendor/include -I$vendor/source -I$vendor/schema/current -I$vendor/3rd_party/flatbuffers/include \
    -I$vendor/3rd_party/half"
opencl=$vendor/source/backend/opencl
opencl_flags="-DCL_HPP_TARGET_OPENCL_VERSION=110 -DMNN_OPENCL_SEP_BUILD -DMNN_OPENCL_SVM_ENABLE \
    -DMNN_SUPPORT_INTEL_SUBGROUP -I$vendor/3rd_party/OpenCLHeaders -I$opencl/schema/current"
vulkan=$vendor/source/backend/vulkan
vulkan_flags="-I$vulkan -I$vulkan/include -I$vulkan/component -I$vulkan/runtime -I$vulkan/schema/current \
    -I$vulkan/image/execution -I$vulkan/image/backend -I$vulkan/image -I$vulkan/image/shaders"

# The texts of the kernels in one file (what each of them includes is made to be read once), and the headers that every operator of OpenCL reads compiled once.
sed -i '1i #pragma once' "$opencl/execution/cl/opencl_source_map.hpp"
for kernel in "$opencl"/execution/cl/*_mnn_cl.cpp; do echo "#include \"$kernel\""; done >"$work/kernels.cpp"
cat >"$work/operators.hpp" <<'HEADERS'
#include "core/ConvolutionCommon.hpp"
#include "backend/opencl/core/OpenCLBackend.hpp"
#include "backend/opencl/core/OpenCLRunningUtils.hpp"
#include "backend/opencl/execution/image/CommonExecution.hpp"
HEADERS
# Engine and back end share classes, so each library says whose it is; nothing else in it does.
echo "extern \"C\" __attribute__((visibility(\"default\"))) const char deepmark_mnn_version[] = \"$version\";" \
    >"$work/version.cpp"

mkdir "$work/opencl" "$work/vulkan"
# One line a file: the folder of its object, the name, the file, flags. Long ones begin.
{
    echo "opencl kernels $work/kernels.cpp $opencl_flags -I$opencl/execution/cl"
    find "$opencl/execution/buffer" "$opencl/execution/image" -name '*.cpp' -printf '%s %p\n' | sort -rn |
        while read -r _ file; do
            echo "opencl ${file##*/} $file $opencl_flags -include $work/operators.hpp"
        done
    find "$opencl/core" -name '*.cpp' | while read -r file; do echo "opencl core-${file##*/} $file $opencl_flags"; done
    find "$vulkan/image" "$vulkan/component" "$vulkan/runtime" -name '*.cpp' | while read -r file; do
        echo "vulkan ${file##*/} $file $vulkan_flags"
    done
    echo "opencl version $work/version.cpp"
    echo "vulkan version $work/version.cpp"
} >"$work/files"

jobs=${GPU_JOBS:-$(nproc)}
# shellcheck disable=SC2086 # lists of flags
nice g++ $common $opencl_flags -x c++-header "$work/operators.hpp" -o "$work/operators.hpp.gch"
# shellcheck disable=SC2016 # the inner shell's
nice xargs -P "$jobs" -L 1 sh -c '
    common=$1 folder=$2/$3 name=$4 file=$5
    shift 5
    g++ $common "$@" -c "$file" -o "$folder/$name.o" || exit 255 # xargs then starts no more
' sh "$common" "$work" <"$work/files"
for library in opencl:libMNN_CL.so vulkan:libMNN_Vulkan.so; do
    g++ -shared -o "$work/${library#*:}" -Wl,-soname,"${library#*:}" "$work/${library%%:*}"/*.o -ldl -lpthread
    strip --strip-unneeded "$work/${library#*:}"
done

made=$work/made
mkdir "$made"
mv "$work/libMNN_CL.so" "$work/libMNN_Vulkan.so" "$vendor/include" "$made"
touch "$made/.built-$key"
rm -rf "$target"
mv "$made" "$target"
echo "built MNN $version's GPU back ends: export MNN_GPU_LIBRARIES=$target" >&2
