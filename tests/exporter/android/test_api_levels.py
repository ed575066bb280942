"""Everything that the app's dex names is in Android 8, or stands behind a question for the phone's level."""

from __future__ import annotations

import re
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from android_levels import AndroidLevels, newer_than
from dex_file import DexFile, Member, read_dex

from deepmark.exporter.android.package import JAVA_RELEASE, MIN_SDK
from deepmark.exporter.android.tool_chain import AndroidToolChain

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).resolve().parents[3] / "android-demo" / "app" / "src" / "main" / "java" / "deepmark" / "demo"
CAMERAS = "Landroid/hardware/camera2/CameraManager;"
CALLBACK = "Landroid/hardware/camera2/CameraDevice$StateCallback;"


@dataclass(frozen=True)
class Guard:
    """Where a newer member is used, and what keeps older phones from it.

    Attributes:
        file: source file.
        line: line that leaves the method on older phones.
        use: the member in the source.
        level: level that brought it; None for one of level 33 or later, which D8's table has not.
    """

    file: str
    line: str
    use: str
    level: int | None = None


THERMAL = Guard(
    "stats/Heat.java",
    "if (Build.VERSION.SDK_INT < THERMAL_STATUS_API) return UNKNOWN;",
    "power.getCurrentThermalStatus()",
    29,
)
RANGE = Guard(
    "camera/PhoneCameras.java",
    "if (Build.VERSION.SDK_INT < BT601_LIMITED_API) return true;",
    "DataSpace.getRange(image.getDataSpace())",
)
GUARDED = {
    "Landroid/os/PowerManager;.getCurrentThermalStatus()I": THERMAL,
    "Landroid/hardware/DataSpace;": RANGE,
    "Landroid/hardware/DataSpace;.getRange(I)I": RANGE,
    "Landroid/media/Image;.getDataSpace()I": RANGE,
}


@pytest.fixture(scope="module")
def levels(android_tools: AndroidToolChain) -> AndroidLevels:
    return AndroidLevels(android_tools.tools[0], android_tools.framework)


@pytest.mark.parametrize(
    ("member", "level"),
    [
        (Member("Landroid/os/Build$VERSION_CODES;", "S", "I", None), 31),
        (Member(CAMERAS, "openCamera", "V", ("Ljava/lang/String;", CALLBACK, "Landroid/os/Handler;")), 21),
        (Member(CAMERAS, "openCamera", "V", ("Ljava/lang/String;", "Ljava/util/concurrent/Executor;", CALLBACK)), 28),
        (Member("Landroid/os/PowerManager;", "getCurrentThermalStatus", "I", ()), 29),
        (Member("Landroid/os/PowerManager;", "getCurrentThermalStatus", "J", ()), None),
        (Member("Landroid/widget/Button;", "setText", "V", ("Ljava/lang/CharSequence;",)), 1),  # of its parent
        (Member("Landroid/widget/Button;", "toString", "Ljava/lang/String;", ()), 1),
    ],
)
def test_levels_are_those_of_android_s_documentation(levels: AndroidLevels, member: Member, level: int | None) -> None:
    assert levels.of_member(member) == level


def test_types_have_levels_too(levels: AndroidLevels) -> None:
    assert levels.of_type("Landroid/app/Activity;") == 1
    assert levels.of_type("Landroid/hardware/camera2/params/SessionConfiguration;") == 28
    assert levels.of_type("Landroid/app/ActivityThread;") is None  # hidden


def test_the_app_names_nothing_that_android_8_has_not(tiny_package: Path, levels: AndroidLevels) -> None:
    with zipfile.ZipFile(tiny_package) as archive:
        dex = read_dex(archive.read("classes.dex"))
    assert sum(member.holder.startswith("Landroid/") for member in dex.members) > 200
    assert newer_than(dex, levels, MIN_SDK) == {name: guard.level for name, guard in GUARDED.items()}


@pytest.mark.parametrize("guard", [THERMAL, RANGE], ids=["thermal", "range"])
def test_newer_members_are_used_once_behind_their_guard(guard: Guard) -> None:
    sources = {path.relative_to(SOURCES).as_posix(): path.read_text() for path in SOURCES.rglob("*.java")}
    assert [name for name, text in sources.items() if guard.use in text] == [guard.file]
    before, use, _ = sources[guard.file].partition(guard.use)
    _, line, between = before.rpartition(guard.line)
    assert line
    assert "}" not in re.sub(r"\{[^{}]*\}", "", between)  # the method has not ended
    assert sources[guard.file].count(use) == 1


PLANTED = """
package planted;
final class Planted extends android.app.Activity {
    @Override protected void onCreate(android.os.Bundle saved) {
        super.onCreate(saved);
        setTurnScreenOn(true);
        getWindow().setDecorFitsSystemWindows(false);
        setTitle(android.os.Build.SOC_MODEL + android.app.ActivityThread.currentApplication());
        setTitle(java.util.List.of(" a ".strip(), "b".repeat(2)).toString() + own());
        java.util.stream.Stream.of("a").toList();
        if (android.os.Build.VERSION.SDK_INT >= android.os.Build.VERSION_CODES.S) finish();
    }
    private int own() { return hashCode(); }
}
"""


def _dex_of(source: str, tools: AndroidToolChain, folder: Path) -> DexFile:
    (folder / "Planted.java").write_text(source)
    framework = str(tools.framework)
    subprocess.run(
        [tools.javac, "--release", JAVA_RELEASE, "-cp", framework, "-d", folder, folder / "Planted.java"],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            *(tools.java, "-XX:TieredStopAtLevel=1", "-cp", tools.class_path(), "com.android.tools.r8.D8"),
            *("--release", "--min-api", str(MIN_SDK), "--lib", framework, "--output", folder),
            folder / "planted" / "Planted.class",
        ],
        check=True,
        capture_output=True,
    )
    return read_dex((folder / "classes.dex").read_bytes())


def test_a_newer_member_a_hidden_one_and_one_of_a_newer_java_are_found(
    levels: AndroidLevels, android_tools: AndroidToolChain, tmp_path: Path
) -> None:
    """Also one that is called on the app's own class; a constant is none, and neither is what D8 puts in itself."""
    assert newer_than(_dex_of(PLANTED, android_tools, tmp_path), levels, MIN_SDK) == {
        "Lplanted/Planted;.setTurnScreenOn(Z)V": 27,
        "Landroid/view/Window;.setDecorFitsSystemWindows(Z)V": 30,
        "Landroid/os/Build;.SOC_MODEL:Ljava/lang/String;": 31,
        "Landroid/app/ActivityThread;": None,
        "Landroid/app/ActivityThread;.currentApplication()Landroid/app/Application;": None,
        "Ljava/util/stream/Stream;.toList()Ljava/util/List;": None,
    }
