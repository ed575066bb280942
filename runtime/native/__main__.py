"""The command: ``python -m deepmark.runtime.native TARGET``."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.console import ProgramParser, print_json, print_text, run
from deepmark.runtime.native.build import build_native

DESCRIPTION = """\
Build the C++ programs for TARGET, host, aarch64-linux-gnu or android, and print
the folder that they lie in.

A build of the same sources, compiler and MNN is taken from the cache."""
EXAMPLES = """\
Examples:
  cd "$(python -m deepmark.runtime.native host)" && LD_LIBRARY_PATH=. ./dm_verify shirt.deepmark
  MNN_AARCH64_WHEEL=mnn-aarch64.whl python -m deepmark.runtime.native aarch64-linux-gnu
  ANDROID_NDK_HOME=ndk MNN_ANDROID=mnn_3.6.1_android python -m deepmark.runtime.native android"""


def main(words: Sequence[str] | None = None) -> None:
    """Build, and print where.

    Args:
        words: command line without the program's name; None for the process's own.

    Raises:
        UsageError: it is a wrong one.
        EngineError: what is needed to build is missing, or the compiler failed.
    """
    parser = ProgramParser("python -m deepmark.runtime.native", DESCRIPTION, EXAMPLES)
    parser.add_argument("target", metavar="TARGET", help="What to build for.")
    given = parser.parse_args(words)
    build = build_native(given.target)
    if given.as_json:
        print_json(build)
    else:
        print_text(str(build.folder))


if __name__ == "__main__":
    run(main)
