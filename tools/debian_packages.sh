#!/bin/sh
# Install packages of Debian or Ubuntu whose programs are missing, given as PROGRAM:PACKAGE. Does nothing where all of
# them are there; says what is missing where there is no apt-get.
#   tools/debian_packages.sh cmake:cmake readelf:binutils
set -eu

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
missing=
for program; do
    command -v "${program%%:*}" >/dev/null 2>&1 || missing="$missing ${program#*:}"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null 2>&1 || { echo "cannot install without apt-get:$missing" >&2; exit 0; }
# shellcheck disable=SC2086 # a list of packages
$as_root apt-get install --quiet --yes --no-install-recommends $missing >/dev/null 2>&1 || {
    $as_root apt-get update --quiet >/dev/null
    $as_root apt-get install --quiet --yes --no-install-recommends $missing >/dev/null
}
