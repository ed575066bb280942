"""The app in the JVM: its Java tests on Android 8, 10 and 14, and what is true of its text in every language."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from filelock import FileLock

from deepmark.benchmarks.device.app_results import result_of_app
from deepmark.exporter.android.native_libraries import BRIDGE
from deepmark.exporter.android.package import link_resources
from deepmark.exporter.android.project import AndroidProject, open_models, write_project
from deepmark.exporter.android.tool_chain import AndroidToolChain
from deepmark.runtime import Detector, read_picture
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing import overlay
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema
from deepmark.runtime.media.records import object_records
from deepmark.runtime.native import Project, build_native

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "android-demo"
MAIN = DEMO / "app" / "src" / "main"
WORK = ROOT / "build" / "android-tests"
REPOSITORY = Path(os.environ.get("MAVEN_REPOSITORY") or Path.home() / ".m2" / "repository")
LEVELS = {
    26: "8.0.0_r4-robolectric-r1",
    29: "10-robolectric-5803371",
    34: "14-robolectric-10818077",
}


def _missing() -> str:
    """What the Java tests need and this computer has not."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        return "no Maven or no JDK"
    jars = [REPOSITORY / "org/robolectric/android-all" / one / f"android-all-{one}.jar" for one in LEVELS.values()]
    missing = [jar.name for jar in jars if not jar.is_file()]
    return f"{', '.join(missing)} not fetched: tools/android_toolchain.sh" if missing else ""


def _add_assets(package: Path, folder: Path, prefix: str) -> None:
    """Put a folder's files into a package, below ``prefix``."""
    with zipfile.ZipFile(package, "a") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{prefix}/{path.relative_to(folder).as_posix()}")


def _prepare_overlay(bundle: Path, pictures: tuple[Path, ...], folder: Path) -> dict[str, Image8]:
    """Write pictures and what is found in them for the app to draw; returns what Python draws, without labels.

    In the last picture boxes are found alone.
    """
    detector = Detector(bundle)
    drawn = {}
    for path in pictures:
        schema, image = detector.schema, read_picture(path)
        found = detector(image)
        found = found.select(np.flatnonzero(found.scores >= 0.2))
        assert len(found)
        if path == pictures[-1]:
            schema, found = _boxes_of(schema, found)
        classes = [
            {"name": one.name, "landmarks": list(one.keypoint_names), "outline": [list(line) for line in one.outline]}
            for one in schema.classes
        ]
        description = {
            "name": "demo",
            "precision": "fp32",
            "input": {"height": 128, "width": 128},
            "classes": classes,
            "engine": {"mnn_version": "", "precision_used": "fp32", "threads_used": 1},
        }
        records = [msgspec.to_builtins(record) for record in object_records(found, schema)]
        (folder / f"{path.stem}.json").write_text(json.dumps({"description": description, "detections": records}))
        shutil.copy(path, folder / path.name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(overlay, "_draw_labels", lambda *_: None)
            drawn[path.stem] = overlay.annotate(image, found, schema)
    return drawn


def _boxes_of(schema: KeypointSchema, found: Detections) -> tuple[KeypointSchema, Detections]:
    """Leave landmarks out."""
    classes = tuple(KeypointClass(one.name, (), (), (), ()) for one in schema.classes)
    without = replace(
        found,
        keypoints=tuple(one[:0] for one in found.keypoints),
        keypoint_scores=tuple(one[:0] for one in found.keypoint_scores),
        refined=tuple(one[:0] for one in found.refined),
    )
    return replace(schema, classes=classes, group_names=()), without


def _require_same_drawing(app: Image8, ours: Image8, picture: Image8) -> None:
    """What one draws, the other draws too, within 3 pixels; but for faint rims."""
    near = np.ones((7, 7), np.uint8)
    one, other = (np.abs(image.astype(int) - picture).max(axis=2) > 60 for image in (app, ours))
    assert other.sum() > 500
    for drawn, counterpart in ((one, other), (other, one)):
        reached = cv2.dilate(counterpart.astype(np.uint8), near) > 0
        assert (drawn & ~reached).sum() <= 0.002 * drawn.sum()
    assert 0.7 < one.sum() / other.sum() < 1.4  # OpenCV and Skia smooth edges differently


@pytest.mark.slow
@pytest.mark.skipif(bool(_missing()), reason=_missing())
def test_the_app_s_own_tests_pass_on_android_8_10_and_14(
    android_tools: AndroidToolChain, demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    to_draw, shared = tmp_path / "to-draw", tmp_path / "shared"
    to_draw.mkdir()
    shared.mkdir()
    drawn = _prepare_overlay(demo_bundle, demo_pictures[:3], to_draw)
    WORK.mkdir(parents=True, exist_ok=True)
    with FileLock(WORK / "lock"):
        linked = WORK / "linked"
        shutil.rmtree(linked, ignore_errors=True)
        linked.mkdir()
        project = write_project(open_models([demo_bundle]), tmp_path / "project", stand_in=False)
        base = link_resources(AndroidProject(DEMO, project.index), android_tools, linked)
        _add_assets(base, MAIN / "assets", "assets")
        _add_assets(base, project.main / "assets" / "bundles", "assets/bundles")
        libraries = build_native("host", Project(MAIN / "cpp", (BRIDGE,))).folder
        done = subprocess.run(
            [
                *("mvn", "--batch-mode", "--offline", "--file", DEMO / "pom.xml", "test"),
                *(f"-Dlinked={linked}", f"-Dlibraries={libraries}"),
                *(f"-Doverlay={to_draw}", f"-Dshared={shared}"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=1500,
        )
    failures = re.findall(r"^\[ERROR\] (.*)$", done.stdout, re.MULTILINE)
    assert done.returncode == 0, "\n".join(failures[:30])
    run, failed, broken, skipped = map(
        int, re.findall(r"Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)", done.stdout)[-1]
    )
    assert run >= 80
    assert (failed, broken, skipped) == (0, 0, 0)
    found = result_of_app(sorted(shared.glob("deepmark-search-*.json")))
    ways = {" ".join(one.name.split()[-3:]) for one in found.contestants}
    assert ways == {
        f"{threads} {precision}" for threads in ("1 thread", "2 threads", "4 threads") for precision in ("fp32", "fp16")
    }
    for name, ours in drawn.items():
        for level in LEVELS:
            app = read_picture(to_draw / f"{name}-api{level}.png")
            _require_same_drawing(app, ours, read_picture(to_draw / f"{name}.png"))


def _texts(language: str) -> dict[str, dict[str, list[str]]]:
    """Name of each text -> quantity or position -> its words' placeholders, sorted."""
    found: dict[str, dict[str, list[str]]] = {}
    for element in ET.parse(MAIN / "res" / f"values{language}" / "strings.xml").getroot():
        items = list(element) or [element]
        found[element.attrib["name"]] = {
            item.attrib.get("quantity", str(number)): sorted(re.findall(r"%\d\$\w", "".join(item.itertext())))
            for number, item in enumerate(items)
        }
    return found


def test_every_text_is_there_in_both_languages_with_the_same_placeholders() -> None:
    assert _texts("") == _texts("-de")


def test_every_text_is_used_and_every_used_one_is_there() -> None:
    sources = "\n".join(
        path.read_text()
        for path in [*MAIN.rglob("*.java"), *(MAIN / "res").rglob("*.xml"), MAIN / "AndroidManifest.xml"]
        if path.name != "strings.xml"
    )
    used = set(re.findall(r"R\.(?:string|plurals|array)\.(\w+)|@string/(\w+)", sources))
    names = {one or other for one, other in used}
    assert names == set(_texts(""))


def test_no_time_is_taken_by_the_clock_that_people_set() -> None:
    """It goes back; it serves for names of files, and for the day of a measurement."""
    found = {
        (path.stem, line.strip())
        for path in MAIN.rglob("*.java")
        for line in path.read_text().splitlines()
        if re.search(r"currentTimeMillis|new Date\b|Instant\.now|LocalDate|Calendar\b", line)
    }
    assert found == {
        ("Measurement", "private final String created = Instant.now().toString();"),
        ("PicturesActivity", 'String name = "deepmark-" + System.currentTimeMillis();'),
        ("BenchmarkActivity", 'String name = "deepmark-bench-" + System.currentTimeMillis() + ".json";'),
        ("SearchActivity", 'String name = "deepmark-search-" + System.currentTimeMillis();'),
    }


def test_the_licences_are_whole() -> None:
    assert (MAIN / "assets" / "licences.txt").read_text().endswith((ROOT / "LICENSE").read_text())


def test_the_samples_are_the_demo_s() -> None:
    samples = sorted((MAIN / "assets" / "samples").iterdir())
    assert len(samples) == 3
    for path in samples:
        assert path.read_bytes() == (ROOT / "models" / "demo" / "samples" / path.name).read_bytes()


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (3, 5, 7)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", ["", "-night"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("text", "background"),
        ("text", "surface"),
        ("text_second", "background"),
        ("text_second", "surface"),
        ("accent", "background"),
        ("on_accent", "accent"),
        ("good", "surface"),
        ("bad", "surface"),
        ("live_text", "live_panel"),
        ("live_text_second", "live_panel"),
        ("live_bad", "live_panel"),
        ("live_accent", "live_panel"),
    ],
)
def test_text_can_be_read_by_day_and_by_night(mode: str, ink: str, paper: str) -> None:
    colours: dict[str, str] = {}
    for folder in ("", mode):
        for element in ET.parse(MAIN / "res" / f"values{folder}" / "colors.xml").getroot():
            colours[element.attrib["name"]] = str(element.text)
    high, low = sorted((_luminance(colours[ink]), _luminance(colours[paper])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5
