#!/bin/sh
# Say where set-up takes torch from: prints the address of a package index, or nothing for pip's own (PyPI).
# Why, how large it is and how to choose stand on stderr.
#   PYTHON       interpreter that torch is for
#   TORCH_INDEX  address of an index, or `pypi` for pip's own; unset or empty: this script chooses
#   CPU_INDEX    index that is asked for the CPU build; PyTorch's own where it is unset
# On Linux, PyPI's torch computes on NVIDIA GPUs and brings their libraries along. Without such a GPU they are never used,
# so the CPU build is taken where its index answers: one request, three seconds at most.
set -eu

CPU_INDEX=${CPU_INDEX:-https://download.pytorch.org/whl/cpu}
NVIDIA_DRIVER=${NVIDIA_DRIVER:-/proc/driver/nvidia}
PYPI_SIZE="4.5 GiB" # on disk, and the next likewise; docs/decisions/0001-dependencies.md says how both were found
CPU_SIZE="0.6 GiB"
CHOOSE="to choose: make TORCH_INDEX=ADDRESS, or TORCH_INDEX=pypi"

say() {
    printf 'torch: %s\n' "$1" >&2
}

has_nvidia_gpu() {
    [ -d "$NVIDIA_DRIVER" ] || { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi --list-gpus >/dev/null 2>&1; }
}

# Whether the CPU build's index has the pinned torch for this interpreter and processor.
cpu_index_answers() {
    version=$(sed -n 's/^torch==//p' constraints.txt)
    "$PYTHON" - "$CPU_INDEX" "$version" 2>/dev/null <<'PYTHON'
import os, platform, re, sys, threading, urllib.parse, urllib.request

clock = threading.Timer(3, os._exit, [1])  # looking up a name has no time limit of its own
clock.daemon = True
clock.start()
index, version = sys.argv[1:]
with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=3) as answer:
    page = urllib.parse.unquote(answer.read().decode())
python = f"cp{sys.version_info.major}{sys.version_info.minor}"
wheel = rf"torch-{re.escape(version)}(\+\w+)?-{python}-{python}-\w*linux\w*_{platform.machine()}\.whl"
sys.exit(re.search(wheel, page) is None)
PYTHON
}

case ${TORCH_INDEX:-} in
pypi)
    say "PyPI's build, as TORCH_INDEX asks"
    ;;
?*)
    say "the build of $TORCH_INDEX, as TORCH_INDEX asks"
    printf '%s\n' "$TORCH_INDEX"
    ;;
*)
    if [ "$(uname -s)" != Linux ]; then
        say "PyPI's build, which has no CUDA libraries on this system; $CHOOSE"
    elif has_nvidia_gpu; then
        say "PyPI's build, about $PYPI_SIZE on disk: it computes on NVIDIA GPUs, and there is one; $CHOOSE"
    elif cpu_index_answers; then
        say "the CPU build of $CPU_INDEX, about $CPU_SIZE on disk and not $PYPI_SIZE: there is no NVIDIA GPU; $CHOOSE"
        printf '%s\n' "$CPU_INDEX"
    else
        say "PyPI's build, about $PYPI_SIZE on disk: $CPU_INDEX gave no CPU build for this Python within 3 s; $CHOOSE"
    fi
    ;;
esac
