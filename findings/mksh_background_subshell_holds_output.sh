#!/bin/sh
# mksh, Android's shell: a subshell in the background whose output is redirected still holds the old output.
#
# `(sleep 4; true) >/dev/null &` saves the old standard output under a number from 10 on, in the very process that runs
# in the background, and nothing there closes it. Who reads the shell's output waits for its end: adb shell comes back
# after 4 s instead of at once, as if nothing had been redirected. dash comes back at once.
# `(exec >/dev/null; sleep 4; true) &` is no way out: it holds the output where number 10 was free, and does not where
# it was taken. A single command is right (`sleep 4 >/dev/null &`: executing closes the number), or kill the subshell.
# Seen with Debian's mksh 59c on x86-64 Linux, 2026-11-28.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet mksh=59c-28+deb12u1 >/dev/null 2>&1
dpkg-deb -x mksh_*.deb mksh
cat > seconds.py <<'PYTHON'
"""Print how long who reads the output of a shell waits; the shell has the numbers 0 to 2 open, and 10 if asked."""
import os, subprocess, sys, time

shell, line, taken = sys.argv[1], sys.argv[2], sys.argv[3] == "taken"
if taken:
    os.dup2(os.open("/dev/null", os.O_RDONLY), 10)
begin = time.monotonic()
subprocess.run([shell, "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(10,) if taken else ())
print(round(time.monotonic() - begin))
PYTHON

attempt() { # shell, line, whether 10 is taken, seconds expected
    found=$(python3 seconds.py "$1" "$2" "$3")
    echo "${1##*/}, 10 $3: $2   $found s"
    [ "$found" = "$4" ]
}
mksh=$folder/mksh/bin/mksh
"$mksh" -c 'echo "$KSH_VERSION"'
attempt "$mksh" '(sleep 4; true) >/dev/null 2>&1 &' free 4
attempt "$mksh" '(sleep 4; true) >/dev/null 2>&1 &' taken 4
attempt "$mksh" '(exec >/dev/null 2>&1; sleep 4; true) &' free 4
attempt "$mksh" '(exec >/dev/null 2>&1; sleep 4; true) &' taken 0
attempt "$mksh" 'sleep 4 >/dev/null 2>&1 &' free 0
attempt dash '(sleep 4; true) >/dev/null 2>&1 &' free 0
echo "as described"
