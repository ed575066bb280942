#!/bin/sh
# toybox, the tools of every Android phone: `pkill -9 -P PID` kills no child of PID and returns 1, as if it had none.
#
# `pgrep -P PID` shows the child, `pkill -P PID` ends it, and `pkill -9 NAME` takes the signal: only a signal and -P
# together do nothing. procps' pkill, which computers have, kills the child. So a script for adb shell that was tried on
# a computer leaves its programs running on the phone. What works in both: kill -9 $(pgrep -P PID).
# Seen with Debian's toybox 0.8.9 on x86-64 Linux, 2026-11-28; 0.7.3 to 0.8.12, built with Android's settings, likewise.
set -eu
folder=$(mktemp -d)
parent=
trap 'kill -9 $parent 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet toybox=0.8.9+dfsg-1 >/dev/null 2>&1
dpkg-deb -x toybox_*.deb toybox
box=$folder/toybox/bin/toybox

children() {
    "$box" pgrep -P "$parent" | wc -l
}
with_a_child() {
    sh -c 'sleep 60; true' &
    parent=$!
    while [ "$(children)" = 0 ]; do sleep 0.1; done
}
attempt() { # the rest of pkill's arguments; prints its status and how many children are left
    status=0
    "$box" pkill "$@" -P "$parent" || status=$?
    sleep 0.3
    echo "status $status, left: $(children)"
}

"$box" --version
with_a_child
number=$(attempt -9)
name=$(attempt -KILL)
plain=$(attempt)
kill -9 "$parent" 2>/dev/null || true
with_a_child
kill -9 $("$box" pgrep -P "$parent")
sleep 0.3
both="left: $(children)"
echo "pkill -9 -P PID:          $number"
echo "pkill -KILL -P PID:       $name"
echo "pkill -P PID:             $plain"
echo "kill -9 \$(pgrep -P PID):  $both"
[ "$number" = "status 1, left: 1" ]
[ "$name" = "status 1, left: 1" ]
[ "$plain" = "status 0, left: 0" ]
[ "$both" = "left: 0" ]
echo "as described"
