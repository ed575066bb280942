"""``deepmark completion``: commands, options and file names completed by the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

EPILOG = """\b
Examples:
  deepmark completion bash >> ~/.bashrc
  deepmark completion zsh >> ~/.zshrc
  deepmark completion fish > ~/.config/fish/completions/deepmark.fish
"""
PROGRAM = "deepmark"


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script for SHELL that completes commands, options and file names of deepmark."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, f"_{PROGRAM}_COMPLETE".upper()).source())
