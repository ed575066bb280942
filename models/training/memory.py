"""How much memory this process holds: a column of the log, in which a leak shows as a slope."""

from __future__ import annotations

import math
import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_ANONYMOUS = re.compile(rb"^RssAnon:\s*(\d+) kB$", re.MULTILINE)


def resident_mib() -> float:
    """Return the resident memory in MiB without mapped files, whose pages the system takes back when it likes.

    NaN where the system does not tell, which is everywhere but on Linux: the highest so far, which others tell, would
    hide what comes back.
    """
    try:
        found = _ANONYMOUS.search(_STATUS.read_bytes())
    except OSError:
        return math.nan
    return int(found[1]) / 1024 if found else math.nan
