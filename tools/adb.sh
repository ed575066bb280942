#!/bin/sh
# Install adb, which the tests of `--device adb` talk to a fake phone with. Safe to call again; does nothing where adb is.
set -eu

command -v adb >/dev/null 2>&1 && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "no adb here, and no apt-get to install it with: the tests that need it are skipped" >&2
    exit 0
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get install --quiet --yes --no-install-recommends adb >/dev/null 2>&1 || {
    $as_root apt-get update --quiet >/dev/null
    $as_root apt-get install --quiet --yes --no-install-recommends adb >/dev/null
}
