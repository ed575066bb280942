"""The command: ``python -m deepmark.runtime.native TARGET``."""

from __future__ import annotations

from typing import get_args

import click

from deepmark.console import output_options, print_json, run
from deepmark.runtime.native.build import Target, build_native


@click.command(
    epilog="""\b
Examples:
  cd "$(python -m deepmark.runtime.native host)" && LD_LIBRARY_PATH=. ./dm_verify shirt.deepmark
  MNN_AARCH64_WHEEL=mnn-aarch64.whl python -m deepmark.runtime.native aarch64-linux-gnu
  ANDROID_NDK_HOME=ndk MNN_ANDROID=mnn_3.6.1_android python -m deepmark.runtime.native android
"""
)
@click.argument("target", metavar="TARGET", type=click.Choice(get_args(Target)))
@output_options
def main(target: Target, as_json: bool) -> None:
    """Build the C++ programs for TARGET, host, aarch64-linux-gnu or android, and print the folder that they lie in.

    A build of the same sources, compiler and MNN is taken from the cache.
    """
    build = build_native(target)
    if as_json:
        print_json(build)
    else:
        click.echo(build.folder)


if __name__ == "__main__":
    run(main, "python -m deepmark.runtime.native")
