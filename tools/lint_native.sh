#!/bin/sh
# Lint the C++ sources with clang-format and clang-tidy: Debian's and Ubuntu's packages of these names, version 14 or
# later. A tool that is missing is said and left out; with NATIVE_LINT=required it is an error. A source is analysed
# again only when it, a header, the settings or the tool has changed: build/lint holds what was found clean.
#   tools/lint_native.sh          check
#   tools/lint_native.sh --fix    format in place, and check the rest
set -eu
cd "$(dirname "$0")/.."

native=runtime/native
bridge=android-demo/app/src/main/cpp
flags="-std=c++17 -O2 -I$native/include -I$native/src -I$native/mnn"
stamps=build/lint

if [ "${1:-}" = --analyse ]; then # one source, for xargs below
    source=$2
    key=$3-$(cksum <"$source" | tr ' ' -)
    stamp=$stamps/$(basename "$source")
    [ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || exit 0
    # shellcheck disable=SC2086 # a list of flags
    if found=$(clang-tidy --quiet "$source" -- $flags 2>&1); then
        echo "$key" >"$stamp"
    else
        printf '%s\n' "$found"
        exit 1
    fi
    exit 0
fi

is_there() {
    command -v "$1" >/dev/null 2>&1 && return 0
    echo "$1 is missing, the C++ sources are not checked with it: apt-get install $1" >&2
    [ "${NATIVE_LINT:-}" != required ] || exit 1
    return 1
}

if is_there clang-format; then
    mode='--dry-run -Werror'
    [ "${1:-}" != --fix ] || mode=-i
    # shellcheck disable=SC2086 # a list of flags
    find $native tests/$native $bridge -name '*.[ch]pp' | xargs clang-format $mode
fi

if is_there clang-tidy; then
    mkdir -p $stamps
    jni=
    if command -v javac >/dev/null 2>&1; then # its headers are the JDK's
        jni=$bridge
        jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
        CPLUS_INCLUDE_PATH=$jdk/include:$jdk/include/linux
        export CPLUS_INCLUDE_PATH
    else
        echo "javac is missing, the bridge to Java is not checked with clang-tidy" >&2
    fi
    headers=$( (clang-tidy --version; cat "$0" .clang-tidy; find $native -name '*.hpp' | sort | xargs cat) | cksum | tr ' ' -)
    find $native $jni -name '*.cpp' | sort |
        xargs -P "$(getconf _NPROCESSORS_ONLN)" -I SOURCE sh "$0" --analyse SOURCE "$headers"
fi
