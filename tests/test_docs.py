"""What the documents say of the code is true of the code, and a newcomer can read the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deepmark import __version__
from deepmark.commands.group import COMMANDS, group

ROOT = Path(__file__).resolve().parent.parent
OURS = ("android-demo", "benchmarks", "docs", "examples", "exporter", "models", "runtime", "src", "tests", "tools")
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md"), *(p for one in OURS for p in ROOT.glob(f"{one}/**/*.md"))}
)
NAMES = [os.fspath(page.relative_to(ROOT)) for page in PAGES]

LONGEST_SENTENCE = 24  # words, in the README

# A path in the documents: with a slash, and a suffix of a file or the name of a folder at its beginning.
SUFFIXES = (
    "py|pyi|sh|md|svg|jpg|png|csv|json|toml|txt|cff|yml|html|j2|css|hpp|cpp|npz|case|pth|onnx|mnn|ppm|cfg|java|gradle"
    "|xml"
)
PATH = re.compile(rf"[\w.*~$-]+(?:/[\w.*-]+)*/(?:[\w.*-]+\.(?:{SUFFIXES}))?|[\w.-]+(?:/[\w.-]+)+")
# Files on the reader's own computer or phone, in a bundle, or in a data set.
OF_THE_READER = (
    r"(RUN|DIR|FOLDER|build|run|runs|photos|pictures|found|drawings|image|annos|vectors|samples|dist|models/model_best)/",
    r"[a-j]/last\.pth$",
    r"~|\$|/",
    r"val|NAME",
    r"deepmark-bench/1$",  # the version of a document
)
FILES_OF_THE_READER = ("best.pth", "heads.npz", "log.csv", "manifest.json", "model.mnn", "model.onnx", "result.json")


def _prose(text: str) -> str:
    """Leave only sentences: no code, no tables, no headings, no pictures, and links as their words."""
    text = re.sub(r"^```.*?^```", "\n", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(\||#|!\[).*$", "\n", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"`([^`]*)`", lambda code: "_".join(code[1].split()), text)  # a command line is one word


def _sentences(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", _prose(text)):
        for sentence in re.split(r"(?<=[.!?:])[*_)\"]*\s+", " ".join(paragraph.split())):
            if re.search(r"\w", sentence):
                yield sentence


def _words(sentence: str) -> int:
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def _code(text: str) -> Iterator[str]:
    """Give what stands in backticks within a line."""
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _command_lines(text: str) -> Iterator[list[str]]:
    """Give the words of every command line of ours, in backticks or in a block."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *_code(text)]:
        words = line.split("#")[0].split()
        if words and words[0] in ("deepmark", "deepmark-export", "deepmark-bench"):
            yield words[1:] if words[0] == "deepmark" else [words[0].partition("-")[2], *words[1:]]


def test_every_hazard_of_mnn_has_the_test_that_the_table_names() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "hazards.md").read_text())

    assert len(named) >= 24
    for file, function in named:
        (path,) = (ROOT / "tests").rglob(file)
        assert f"def {function}(" in path.read_text(), f"{file}::{function}"


def _anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        if "://" not in target:
            file = page.parent / target if target else page
            assert file.exists(), target
            assert not anchor or anchor in _anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_path_in_backticks_exists(page: Path) -> None:
    missing = []
    for code in _code(page.read_text()):
        path, _, _ = code.partition("::")
        if not PATH.fullmatch(path) or any(re.match(rule, path) for rule in OF_THE_READER):
            continue
        folder, found = path.partition("/")[0] in OURS, False
        for base in (ROOT, page.parent):
            found |= any(base.glob(path.rstrip("/"))) if "*" in path else (base / path).exists()
        if not found and (folder or path.endswith("/") or re.search(rf"\.({SUFFIXES})$", path)):
            missing.append(path)
    assert missing == []


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Name of each file of ours -> its text, or nothing for data."""
    files = [path for one in OURS for path in (ROOT / one).rglob("*") if path.is_file()]
    read = (".py", ".hpp", ".cpp", ".java")
    return {path.name: "" for path in [*files, *ROOT.glob("*")]} | {
        os.fspath(path): path.read_text() for path in files if path.suffix in read
    }


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_and_class_that_is_named_without_its_folder_exists(page: Path, sources: dict[str, str]) -> None:
    code = list(_code(page.read_text()))
    files = [
        name for name in code if re.fullmatch(rf"\w[\w.-]*\.({SUFFIXES})", name) and name not in FILES_OF_THE_READER
    ]
    classes = [name for name in code if re.fullmatch(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+", name)]

    assert set(files) - set(sources) == set()
    assert [name for name in classes if not any(re.search(rf"\b{name}\b", text) for text in sources.values())] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_module_that_is_named_exists(page: Path) -> None:
    missing = []
    for name in re.findall(r"(?<![\w/.-])deepmark(?:\.[A-Za-z_]\w*)+", page.read_text()):
        if name in ("deepmark.zip", "deepmark.hpp"):
            continue
        place = ROOT / "src" / "deepmark"
        parts = name.split(".")[1:]
        while parts and (place / parts[0]).is_dir():
            place /= parts.pop(0)
        if parts and (place / f"{parts[0]}.py").is_file():
            place = place / f"{parts.pop(0)}.py"
        source = place if place.is_file() else place / "__init__.py"
        if len(parts) > 2 or any(not re.search(rf"\b{part}\b", source.read_text()) for part in parts):
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_study_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"python -m deepmark\.benchmarks\.studies ([a-z]\w*)", page.read_text())

    assert [name for name in named if not any((ROOT / "benchmarks" / "studies").glob(f"{name}*"))] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_line_has_options_that_exist(page: Path) -> None:
    for words in _command_lines(page.read_text()):
        if not words or words[0] not in COMMANDS:
            assert not words or words[0].isupper() or words[0].startswith("-"), words
            continue
        command = group.get_command(click.Context(group), words[0])
        assert command is not None
        if isinstance(command, click.Group):
            assert words[1] in command.commands, words
            command = command.commands[words[1]]
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
        named = {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)}
        assert named - known == set(), words


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_target_of_make_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    named = [word for code in _code(text) for word in re.findall(r"^make ([a-z][a-z-]*)", code)]
    named += re.findall(r"^make ([a-z][a-z-]*)", text, re.MULTILINE)

    assert set(named) - targets == set()


def test_sentences_of_the_readme_are_short() -> None:
    sentences = sorted(_sentences((ROOT / "README.md").read_text()), key=_words)
    longest = sentences[-1]
    print(f"the README's longest sentence has {_words(longest)} words: {longest}")  # noqa: T201  a figure that is asked for

    assert len(sentences) > 20
    assert _words(longest) <= LONGEST_SENTENCE, longest


def test_the_glossary_is_linked_where_newcomers_read() -> None:
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text()
    assert "(glossary.md)" in (ROOT / "docs" / "architecture.md").read_text()


def test_the_walk_names_each_module_once() -> None:
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / "docs" / "walkthrough.md").read_text())

    assert len(named) > 60
    assert sorted(named) == sorted(set(named))


def test_the_picture_of_the_architecture_shows_the_imports_of_today(tmp_path: Path) -> None:
    drawn = tmp_path / "architecture.svg"
    subprocess.run([sys.executable, ROOT / "tools" / "architecture_picture.py", drawn], check=True)

    assert drawn.read_text() == (ROOT / "docs" / "architecture.svg").read_text(), "run `make pictures`"


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)

    assert released[0] == __version__
    assert re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[0] == __version__


@pytest.mark.slow
def test_the_first_example_of_the_readme_works(demo_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "build" / "demo").mkdir(parents=True)
    (tmp_path / "build" / "demo" / "demo.deepmark").symlink_to(demo_bundle)
    (tmp_path / "models").symlink_to(ROOT / "models")
    assert sum(bool(line) for line in example.splitlines()) == 3
    best = "print(detector.schema.class_names[garments.class_ids[0]])"

    end = subprocess.run([sys.executable, "-c", example + best], cwd=tmp_path, capture_output=True, text=True)

    assert end.returncode == 0, end.stderr
    assert end.stdout == "trousers\n"
