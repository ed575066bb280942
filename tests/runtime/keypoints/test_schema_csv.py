"""Schemas as CSV tables: what is read, and which line of a bad file the error names."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.keypoints.schema_csv import COLUMNS

HEADER = ",".join(COLUMNS)
ROWS = (  # lines 2..6 of a good file: a sock and a glove that share their left and right groups
    "0,1,sock,1,sock.left,1,0,left,0.1",
    "1,1,sock,2,sock.right,0,1,right,0.1",
    "2,1,sock,3,sock.toe,2,2,toe,0.2",
    "3,2,glove,1,glove.left,4,0,left,0.1",
    "4,2,glove,2,glove.right,3,1,right,0.1",
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table, by default the good one with some lines (numbered as in the file) replaced."""

    def file(changes: dict[int, str] | None = None, *, header: str = HEADER) -> Path:
        lines = [(changes or {}).get(number, row) for number, row in enumerate(ROWS, 2)]
        path = tmp_path / "clothes.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return file


def test_a_good_file_becomes_a_schema(write: Write) -> None:
    schema = KeypointSchema.from_csv(write())

    assert schema.name == "clothes"
    assert schema.class_names == ("sock", "glove")
    assert schema.groups == ((0, 1, 2), (0, 1))
    assert schema.group_names == ("left", "right", "toe")
    assert schema.classes[0].keypoint_names == ("left", "right", "toe")
    assert schema.classes[0].mirror == (1, 0, 2)
    assert schema.classes[0].sigmas == (0.1, 0.1, 0.2)
    assert schema.flip_pairs == ((0, 1),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(ROWS))
def test_the_order_of_the_rows_does_not_matter(order: list[str], tmp_path: Path) -> None:
    path = tmp_path / "clothes.csv"
    path.write_text("\n".join([HEADER, *order]))

    schema = KeypointSchema.from_csv(path)

    assert schema.groups == ((0, 1, 2), (0, 1))
    assert schema.classes[1].keypoint_names == ("left", "right")


def test_the_builtin_table_reads_the_same_from_a_file(tmp_path: Path) -> None:
    table = resources.files("deepmark.runtime.keypoints").joinpath("data", "deepfashion2.csv").read_text("utf-8")
    path = tmp_path / "deepfashion2-62.csv"
    path.write_text(table)
    builtin = KeypointSchema.deepfashion2(62)

    schema = KeypointSchema.from_csv(path)

    assert (schema.name, schema.groups, schema.group_names) == (builtin.name, builtin.groups, builtin.group_names)
    assert schema.mirror_groups == builtin.mirror_groups


def test_spreadsheets_byte_order_mark_line_ends_quotes_and_further_columns_are_read(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([*COLUMNS, "note"])
    writer.writerows([*row.split(","), "seen, twice"] for row in ROWS)
    path = tmp_path / "clothes.csv"
    path.write_bytes(out.getvalue().encode("utf-8-sig"))

    assert KeypointSchema.from_csv(path).groups == ((0, 1, 2), (0, 1))


def test_a_table_of_classes_alone_is_of_boxes(tmp_path: Path) -> None:
    path = tmp_path / "animals.csv"
    path.write_text("seen,class_name,class_id\nyes,dog,2\nno,cat,1\n")

    schema = KeypointSchema.from_csv(path)

    assert (schema.name, schema.class_names, schema.num_groups) == ("animals", ("cat", "dog"), 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class_id,class_name", "no class, only a header"),
        ("class_id,class_name\n1,cat\n1,dog", r"line 3: class_id 1 stands twice \(first in line 2\)"),
        ("class_id,class_name\n1,cat\n3,dog", "class_id must run from 1 without gaps; expected 2, found 3"),
        ("class_id,class_name\none,cat", "line 2: class_id must be a whole number, found 'one'"),
        ("class_id,class_name\n1,cat,tail", "line 2: expected 2 fields"),
        ("class_id,class_name,sigma\n1,cat,.1", "line 1: column 'global_index' is missing"),
        ("class_id,name\n1,cat", "line 1: column 'global_index' is missing"),
    ],
)
def test_a_bad_table_of_classes_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "animals.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"animals\.csv.*{words}"):
        KeypointSchema.from_csv(path)


BAD_LINES: list[tuple[dict[int, str], str]] = [
    ({3: "1,1,sock,2,sock.right,0,1,right"}, "line 3: expected 9 fields"),
    ({3: "1,1,sock,2,sock.right,0,1,right,0.1,more"}, "line 3: expected 9 fields"),
    ({3: "one,1,sock,2,sock.right,0,1,right,0.1"}, "line 3: global_index must be a whole number, found 'one'"),
    ({3: "1,1.5,sock,2,sock.right,0,1,right,0.1"}, "line 3: class_id must be a whole number, found '1.5'"),
    ({3: "1,1,sock,,sock.right,0,1,right,0.1"}, "line 3: local_index must be a whole number, found ''"),
    ({3: "1,1,sock,2,sock.right,x,1,right,0.1"}, "line 3: swap_global_index must be a whole number"),
    ({3: "1,1,sock,2,sock.right,0,g,right,0.1"}, "line 3: group_id must be a whole number"),
    ({4: "2,1,sock,3,sock.toe,2,2,toe,0"}, "line 4: sigma must be a number above 0, found '0'"),
    ({4: "2,1,sock,3,sock.toe,2,2,toe,-1"}, "line 4: sigma must be a number above 0, found '-1'"),
    ({4: "2,1,sock,3,sock.toe,2,2,toe,nan"}, "line 4: sigma must be a number above 0, found 'nan'"),
    ({4: "2,1,sock,3,sock.toe,2,2,toe,big"}, "line 4: sigma must be a number above 0, found 'big'"),
    ({3: "0,1,sock,2,sock.right,0,1,right,0.1"}, r"line 3: global_index 0 stands twice \(first in line 2\)"),
    ({3: "1,1,sock,1,sock.right,0,1,right,0.1"}, r"line 3: local_index 1 stands twice \(first in line 2\)"),
    ({3: "1,1,sock,2,sock.right,0,0,left,0.1"}, r"line 3: class 'sock' has group 0 twice \(first in line 2\)"),
    ({4: "2,1,sock,3,sock.toe,9,2,toe,0.2"}, "line 4: swap_global_index 9 is no landmark of 'sock'"),
    ({4: "2,1,sock,3,sock.toe,3,2,toe,0.2"}, "line 4: swap_global_index 3 is no landmark of 'sock'"),
    (
        {4: "2,1,sock,3,sock.toe,0,2,toe,0.2"},
        r"line 4: landmark 2 names 0 as its mirror, but landmark 0 \(line 2\) names 1",
    ),
    ({5: "3,1,glove,1,glove.left,4,0,left,0.1"}, "line 5: class_id 1 is named 'glove' here and 'sock' before"),
    ({5: "3,2,glove,1,glove.left,4,0,lift,0.1"}, "line 5: group_id 0 is named 'lift' here and 'left' before"),
]


@pytest.mark.parametrize(("changes", "words"), BAD_LINES)
def test_a_bad_line_is_named_with_its_number(changes: dict[int, str], words: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"clothes\.csv, {words}"):
        KeypointSchema.from_csv(write(changes))


GAPS: list[tuple[dict[int, str], str]] = [
    ({6: "7,2,glove,2,glove.right,3,1,right,0.1"}, "global_index must run from 0 without gaps; expected 4, found 7"),
    (
        {5: "3,5,glove,1,glove.left,4,0,left,0.1", 6: "4,5,glove,2,glove.right,3,1,right,0.1"},
        "class_id must run from 1 without gaps; expected 2, found 5",
    ),
    ({4: "2,1,sock,3,sock.toe,2,4,toe,0.2"}, "group_id must run from 0 without gaps; expected 2, found 4"),
    (
        {4: "2,1,sock,7,sock.toe,2,2,toe,0.2"},
        "local_index of class 1 must run from 1 without gaps; expected 3, found 7",
    ),
]


@pytest.mark.parametrize(("changes", "words"), GAPS)
def test_numbers_with_gaps_are_refused(changes: dict[int, str], words: str, write: Write) -> None:
    with pytest.raises(DataError, match=words):
        KeypointSchema.from_csv(write(changes))


def test_groups_whose_mirror_differs_by_class_are_refused(write: Write) -> None:
    unmirrored = {5: "3,2,glove,1,glove.left,3,0,left,0.1", 6: "4,2,glove,2,glove.right,4,1,right,0.1"}

    with pytest.raises(DataError, match="mirror of group 0 is group 1 in one class and group 0 in class 'glove'"):
        KeypointSchema.from_csv(write(unmirrored))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"clothes\.csv, line 1: column '{column}' is missing") as refusal:
        KeypointSchema.from_csv(write(header=HEADER.replace(column, "other")))
    assert HEADER in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: column 'global_index' is missing; found none"),
        (HEADER.encode(), "no landmark, only a header"),
        (b"\x80\x02}q\x00.", "is not UTF-8 text"),
        (b"PK\x03\x04\x00\x00", "line 1: column"),
        (f'{HEADER}\n0,1,"sock'.encode(), "expected 9 fields"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clothes.csv"
    path.write_bytes(content)

    with pytest.raises(DataError, match=words):
        KeypointSchema.from_csv(path)


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_what_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the keypoint schema"):
        KeypointSchema.from_csv(tmp_path / name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"{HEADER}\n{text}".encode())))
def test_no_content_leads_to_anything_but_a_clear_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clothes.csv"
    path.write_bytes(content)

    with pytest.raises(DataError):
        KeypointSchema.from_csv(path)
