#!/bin/sh
# Install what the tests and linters of the phone's side need, on Debian and Ubuntu: adb, Android's shell and programs
# (mksh, toybox), CMake, g++ for this computer and for arm64, an emulator, clang with its fuzzer and linters, MNN's wheel
# for arm64 in build/wheels, and two newer adb than Debian's 29, from PyPI's adbutils, in build/adb34 and build/adb36.
# Does nothing where all of it is there; safe to call again. What cannot be installed is said, and the tests that need
# it are skipped.
set -eu
cd "$(dirname "$0")/.."

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
sh tools/debian_packages.sh adb:adb mksh:mksh toybox:toybox cmake:cmake g++:g++ readelf:binutils \
    aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-aarch64-static:qemu-user-static clang++:clang \
    clang-format:clang-format clang-tidy:clang-tidy

# On Debian the fuzzer's library is a package of its own, with the version in its name; elsewhere it comes with clang.
if command -v clang++ >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    runtime=libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev
    dpkg -s "$runtime" >/dev/null 2>&1 || ! apt-cache show "$runtime" >/dev/null 2>&1 ||
        $as_root apt-get install --quiet --yes --no-install-recommends "$runtime" >/dev/null ||
        echo "cannot install $runtime" >&2
fi

version=$(sed -n 's/^mnn==//p' constraints.txt)
ls build/wheels/mnn-"$version"-*aarch64*.whl >/dev/null 2>&1 ||
    "${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --python-version 3.11 \
        --dest build/wheels "mnn==$version"

for pair in 34:2.2.1 36:2.12.0; do # version of adb : version of adbutils that brings it
    folder=build/adb${pair%%:*}
    [ ! -x "$folder/adb" ] || continue
    "${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --platform manylinux1_x86_64 --python-version 3.11 --dest "$folder" "adbutils==${pair#*:}" &&
        "${PYTHON:-python3}" - "$folder" <<'PYTHON' || echo "cannot fetch adb ${pair%%:*}" >&2
import pathlib, sys, zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("adbutils-*.whl")
adb = pathlib.Path(sys.argv[1], "adb")
adb.write_bytes(zipfile.ZipFile(wheel).read("adbutils/binaries/adb"))
adb.chmod(0o755)
PYTHON
done
