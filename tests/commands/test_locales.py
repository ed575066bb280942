"""Names of any bytes in locales that are not UTF-8: every file is read and written, and what is printed is right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from media_files import MEDIA

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).resolve().parent.parent / "support"
PROGRAM = """
import sys
from pathlib import Path
from detection_runs import run_detection
from deepmark.console import print_json, run, say
from deepmark.runtime.media.sources import find_sources

def main():
    found = run_detection(find_sources(sys.argv[2:]), Path(sys.argv[1]))
    for source, error in found.failures:
        say(f"{source.name}: {error}")
    print_json([source.name for source in find_sources(sys.argv[2:])])

run(main)
"""


@pytest.fixture(scope="module", params=[("de_DE", "ISO-8859-1"), ("ja_JP", "EUC-JP")], ids=lambda one: one[1])
def locale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the environment needs for the locale, which is made here: few machines still have such."""
    language, encoding = request.param
    folder = tmp_path_factory.mktemp("locales")
    if not shutil.which("localedef"):
        pytest.skip("no localedef here")
    subprocess.run(["localedef", "-i", language, "-f", encoding, folder / "own"], capture_output=True)
    if not (folder / "own").is_dir():
        pytest.skip("no sources of locales here")
    return {"LOCPATH": str(folder), "LC_ALL": "own", "PYTHONUTF8": "0", "PYTHONPATH": str(SUPPORT)}


def test_every_name_is_read_written_and_printed(locale: dict[str, str], tmp_path: Path) -> None:
    for folder in ("in", "videos"):
        (tmp_path / folder).mkdir()
    names = [b"caf\xe9", "caf\u00e9".encode(), "\u753b\u50cf".encode(), "\u753b\u50cf".encode("euc-jp"), b"plain"]
    for name in names:
        shutil.copy(MEDIA / "ref.png", tmp_path / "in" / os.fsdecode(name + b".png"))
    shutil.copy(MEDIA / "mirrored.mp4", tmp_path / "videos" / "caf\u00e9.mp4")
    words = [f"{tmp_path}/{name}" for name in ("out", "in", "videos/*")]

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env={**os.environ, **locale}, capture_output=True, timeout=120
    )

    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    assert ended.stderr.decode() == ""
    assert ended.stdout.isascii()
    inputs = json.loads(ended.stdout)
    assert len(inputs) == 6
    assert {f"{tmp_path}/in/{name}" for name in ("caf\u00e9.png", "\u753b\u50cf.png")} <= set(inputs)
    written = [os.fsencode(path.name) for path in (tmp_path / "out").iterdir() if path.suffix != ".jsonl"]
    assert len(written) == 6
    assert {name.decode() for name in written} >= {"plain.png", "caf\u00e9.png", "caf\u00e9.mp4", "\u753b\u50cf.png"}
    records = [json.loads(line) for line in (tmp_path / "out" / "detections.jsonl").read_text("utf-8").splitlines()]
    assert {record["output"] for record in records} == {name.decode() for name in written}
