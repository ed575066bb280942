"""What MNN prints that means trouble: errors of a GPU reach no return code, they are lines on stdout."""

from __future__ import annotations

import re

# Words of the lines that MNN 3.6.1's engine, OpenCL and Vulkan back ends print where something is wrong.
_TROUBLE = re.compile(
    r"error|fail|can't|can not|cannot|not support|n't support|invalid|not found|oom\b|illegal|using the default",
    re.IGNORECASE,
)


def trouble_in(printed: str, path: str = "") -> str | None:
    """Return the first line that means trouble, of what MNN printed; None where there is none.

    Args:
        printed: text of any number of lines.
        path: path of a file that MNN may name there, whose own words mean nothing.
    """
    text = printed.replace(path, "") if path else printed
    return next((line.strip() for line in text.splitlines() if _TROUBLE.search(line)), None)
