"""A program's time limit, kept by the phone's own shell, and the line that stops what an earlier one left running.

No tool of Android's does both. ``timeout`` returns 124 for every signal but KILL on Android 10, adds 127 instead of 128
on 8 and 9, and loses its child when it is killed itself; ``pkill -P`` kills nothing anywhere (the table is in
docs/decisions/0025-watchdog.md). So the shell starts the program and beside it a watchdog, a subshell that sleeps and
then kills it, and writes both numbers down. A number may be another program's by the time it is used: one counts only
while that program's working folder is ours.

When the cable goes, adbd hangs up on the shell and closes its pipes. The shell ignores that, so that no program ever
runs without a watchdog and a written number, and ends with its program.
"""

from __future__ import annotations

TIME_OVER = 124  # the shell's status for a program that the watchdog ended
FILES = ("run.pid", "run.late")
_OURS = "[ /proc/{0}/cwd -ef . ]"

STOP = (
    "exec 2>/dev/null; "
    f"read p w < run.pid && for n in $p $w $(pgrep -P $w); do {_OURS.format('$n')} && kill -9 $n; done"
)
"""Stops the program and the watchdog whose numbers stand in the folder where this line runs; harmless without any."""

CAN_WATCH = _OURS.format("$$")
"""Succeeds where working folders can be looked up, which all of this stands on."""


def watched(command: str, limit_s: int) -> str:
    """Return a shell line that runs a command for so many seconds at most; its status is the command's, in ``$c``.

    Args:
        command: simple command with its redirections: one program, which does not start others.
        limit_s: time limit in seconds of the phone's clock; then the program gets SIGKILL, and ``$c`` is `TIME_OVER`.
    """
    watchdog = f"sleep {limit_s}; {_OURS.format('$p')} && {{ mv run.pid run.late; kill -9 $p; }}"
    return "; ".join(
        (
            "exec 2>/dev/null; trap '' HUP; rm -f run.late",
            f"{command} & p=$!",
            f"({watchdog}) >/dev/null & w=$!",  # adbd waits for everybody who holds the shell's output
            "echo $p $w > run.pid || kill -9 $p",  # a program that could not be stopped later does not run
            "wait $p; c=$?",
            "kill -9 $w $(pgrep -P $w)",
            f"[ $c = 137 ] && [ -e run.late ] && c={TIME_OVER}",
        )
    )
