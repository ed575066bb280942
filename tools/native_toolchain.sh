#!/bin/sh
# What the C++ programs for aarch64 need, on Debian: the cross compiler, an emulator to try them, MNN's wheel.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
apt-get install -y -q cmake g++ binutils g++-aarch64-linux-gnu qemu-user-static
mkdir -p "$root/build/wheels"
"${PYTHON:-python3}" -m pip download -q --no-deps --only-binary=:all: --platform manylinux2014_aarch64 \
  --platform manylinux_2_17_aarch64 --python-version 3.11 MNN==3.6.1 -d "$root/build/wheels"
printf 'export MNN_AARCH64_WHEEL=%s\n' "$root"/build/wheels/*3.6.1*aarch64*.whl
