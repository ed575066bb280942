#!/bin/sh
# Make the virtual environment that the Makefile's targets run in. Called by make; safe to call again.
#   PYTHON       interpreter to build it from (3.11 or newer)
#   VENV         folder of the environment
#   TORCH_INDEX  where torch comes from: an index's address, or `pypi`; empty: tools/torch_index.sh chooses
set -eu

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

command -v "$PYTHON" >/dev/null 2>&1 ||
    fail "no Python found: '$PYTHON' is not a command" "install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, '$PYTHON' is $("$PYTHON" -c 'import platform; print(platform.python_version())')" \
        "name a newer one: make PYTHON=python3.12"
if [ ! -x "$VENV/bin/pip" ]; then
    rm -rf "$VENV" # a half-made environment from a call that was interrupted
    "$PYTHON" -m venv "$VENV" 2>/dev/null ||
        fail "'$PYTHON' cannot make a virtual environment" "on Debian and Ubuntu: sudo apt install python3-venv"
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1
echo "setting up $VENV (once; torch is the largest part)" >&2
torch=$(sed -n 's/^torch==//p' constraints.txt)
here=$("$VENV/bin/python" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null) || here=
if [ "${here%%+*}" = "$torch" ]; then
    echo "torch: $here is there already; for another build, \`make distclean\` first" >&2
else
    index=$(PYTHON="$VENV/bin/python" sh tools/torch_index.sh)
    # Without its dependencies, which the last line takes from pip's own index, where their pinned versions are.
    if [ -n "$index" ] &&
        ! "$VENV/bin/pip" install --quiet --constraint constraints.txt --no-deps --index-url "$index" torch; then
        [ -z "${TORCH_INDEX:-}" ] || exit 1
        echo "torch: that failed; PyPI's build, then" >&2
    fi
fi
"$VENV/bin/pip" install --quiet --constraint constraints.txt --editable ".[export,dev]"
