"""``deepmark bundle``: the Android app with a user's models in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepmark.commands.options import PATH, output_options
from deepmark.console import print_json, progress, say
from deepmark.errors import UsageError
from deepmark.files import printable

if TYPE_CHECKING:
    from deepmark.exporter.android.project import AndroidProject
    from deepmark.exporter.android.signing import SigningKey
    from deepmark.exporter.android.tool_chain import AndroidToolChain

EPILOG = """\b
Examples:
  deepmark bundle shirt.deepmark --android app
  deepmark bundle shirt.deepmark --android app --apk shirt.apk
  deepmark bundle shirt.deepmark --android app --apk shirt.apk --stand-in
\b
The password of --keystore is read from DEEPMARK_KEYSTORE_PASSWORD, or asked for.
Android's tools: ANDROID_HOME, or deepmark doctor --android --fetch
Native libraries: ANDROID_NDK_HOME and MNN_ANDROID, see docs/native.md
"""


@click.command("bundle", epilog=EPILOG)
@click.argument("models", type=PATH, nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--android",
    "folder",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Android project to put the models into. A new folder gets the app's sources first.",
)
@click.option("--apk", "package", type=PATH, metavar="FILE", help="Package to make of it, signed and checked.")
@click.option("--keystore", type=PATH, metavar="FILE", help="Key store to sign with.  [default: a key of this user]")
@click.option("--alias", metavar="NAME", help="Name of the key in --keystore.")
@click.option("--stand-in", is_flag=True, help="Pack no MNN: an app that shows its screens and computes nothing.")
@output_options
def command(
    models: tuple[Path, ...],
    folder: Path,
    package: Path | None,
    keystore: Path | None,
    alias: str | None,
    stand_in: bool,
    as_json: bool,
) -> None:
    """Put MODEL... into the Android app, each proven on this machine first, and make a package of it.

    Exit status: 0 made, 1 a bundle, a tool or the package is not what it must be, 3 a bundle differs here.
    """
    from deepmark.exporter.android.project import open_models, write_project

    if (keystore is None) != (alias is None):
        raise UsageError("--keystore and --alias belong together", hint="name both, or none")
    if package is None and (keystore is not None or stand_in):
        raise UsageError("--keystore and --stand-in are about a package", hint="add --apk FILE")
    if package is not None:
        package = _require_suffix(package)
    tools = _find_tools() if package is not None else None
    opened = open_models(models)
    project = write_project(opened, folder, stand_in=stand_in)
    made = _make(project, package, tools, _key(tools, keystore, alias)) if package and tools else None
    if as_json:
        print_json({"project": printable(folder), "package": printable(made) if made else None, "index": project.index})
        return
    for model in project.index.bundles:
        size = sum(entry.bytes for entry in model.files.values()) / 1e6
        say(f"{model.name} ({model.precision}, {size:.1f} MB): proven here, in {folder}")
    if made is not None:
        say(f"{made}: {made.stat().st_size / 1e6:.1f} MB, signed and checked; install it: adb install -r {made}")
        if stand_in:
            say("stand-in: no MNN in it, it shows its screens and computes nothing")


def _require_suffix(package: Path) -> Path:
    if package.suffix != ".apk":
        raise UsageError(f"--apk must be named *.apk, found {package.name}", hint=f"--apk {package.name}.apk")
    return package


def _find_tools() -> AndroidToolChain:
    from deepmark.exporter.android.tool_chain import find_tools

    return find_tools()


def _key(tools: AndroidToolChain | None, keystore: Path | None, alias: str | None) -> SigningKey | None:
    from deepmark.exporter.android.signing import PASSWORD_VARIABLE, SigningKey, debug_key

    if tools is None:
        return None
    if keystore is None or alias is None:
        return debug_key(tools)
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        password = click.prompt(f"Password of {printable(keystore)}", hide_input=True, err=True)
    return SigningKey(keystore, alias, password, debug=False)


def _make(project: AndroidProject, package: Path, tools: AndroidToolChain, key: SigningKey | None) -> Path:
    from deepmark.exporter.android.native_libraries import phone_libraries, stand_in_libraries
    from deepmark.exporter.android.package import STEPS, build_package

    assert key is not None
    cpp = project.main / "cpp"
    libraries = stand_in_libraries(cpp) if project.index.stand_in else phone_libraries(cpp)
    with progress("packing", STEPS, "steps") as advance:
        return build_package(project, libraries, package, tools=tools, key=key, on_step=advance)
