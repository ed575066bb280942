"""``python -m deepmark.runtime.native TARGET``: build the C++ programs and print where they lie."""

from __future__ import annotations

import argparse
import sys

from deepmark.errors import DeepMarkError, UsageError
from deepmark.runtime.native.build import Target, build_native


def main(arguments: list[str] | None = None) -> int:
    """Build and print the folder; the exit status is 0, 1 (error) or 2 (usage)."""
    parser = argparse.ArgumentParser(prog="python -m deepmark.runtime.native", description=__doc__)
    parser.add_argument("target", choices=("host", "aarch64-linux-gnu", "android-arm64-v8a"))
    target: Target = parser.parse_args(arguments).target
    try:
        build = build_native(target)
    except DeepMarkError as error:
        sys.stderr.write(f"error: {error}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 2 if isinstance(error, UsageError) else 1
    sys.stdout.write(f"{build.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
