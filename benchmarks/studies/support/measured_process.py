"""Run a command and print what it took. Run as a file, by itself; it loads nothing of ours.

A small process must do this: Linux counts what the parent holds when a child starts as the child's largest size too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def _main(command: list[str]) -> None:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = {
        "status": process.returncode,
        "printed": printed.decode(errors="replace").strip(),
        "wall_s": time.perf_counter() - start,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1:])
