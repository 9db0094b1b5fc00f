"""Rows out of JSON lines, JSON arrays, CSV and Parquet, whole and damaged."""

import csv
import gzip
import json
import random

import pyarrow as pa
import pytest
from pyarrow import parquet

from caretune.corpus.sources import files
from caretune.errors import SourceError
from caretune.records import BadRow


def every(header):
    """Choose all columns."""
    return header


def exits(rows):
    """Tell the rows as (number, exit), an empty exit for a good row."""
    return [(number, getattr(row, "exit", "")) for number, row in rows]


def lines(count):
    """Make distinct JSON lines that compress badly, so that a cut falls among them."""
    rng = random.Random(count)
    made = [{"text": f"{rng.getrandbits(900):x}"} for _ in range(count)]
    return "".join(json.dumps(row) + "\n" for row in made).encode()


def table(path, *rows):
    """Write rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_lines_count_from_one_through_blank_ones(tmp_path):
    """A blank line is no row, yet it counts as a line."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a":1}\r\n\n  {"a":2}')
    rows = list(files.json_lines(tmp_path / "a.jsonl"))
    assert rows == [(1, b'{"a":1}'), (3, b'{"a":2}')]


def test_an_empty_file_of_lines_has_no_rows(tmp_path):
    """An empty file yields nothing; the door then says that the source holds no rows."""
    (tmp_path / "a.jsonl").write_bytes(b"")
    assert list(files.json_lines(tmp_path / "a.jsonl")) == []


def test_cut_gzip_lines_end_in_one_truncated_row(tmp_path):
    """The lines before the cut are read whole, and exactly one row more leaves by `truncated`."""
    whole, path = lines(400), tmp_path / "a.jsonl.gz"
    packed = gzip.compress(whole)
    path.write_bytes(packed[: len(packed) // 2])
    *read, (number, last) = files.json_lines(path)
    assert 100 < len(read) < 400
    assert [line for _, line in read] == whole.splitlines()[: len(read)]
    assert (number, last.exit, last.line) == (len(read) + 1, "truncated", number)
    assert "cut off here" in last.problem


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_altered_gzip_data_are_refused(tmp_path, suffix, place):
    """Whatever byte of a gzip is another, in its head, data or checksum: no row of it is trusted."""
    rows = [json.loads(line) for line in lines(400).splitlines()]
    texts = {"jsonl": lines(400), "json": json.dumps(rows).encode(), "csv": b"a\n" + b"x y\n" * 99}
    packed = bytearray(gzip.compress(texts[suffix]))
    packed[int(place * (len(packed) - 5))] ^= 0xFF
    path = tmp_path / f"a.{suffix}.gz"
    path.write_bytes(packed)
    read = {"jsonl": files.json_lines, "json": files.json_array}.get(
        suffix, lambda path: files.csv_rows(path, every)
    )
    with pytest.raises(SourceError, match=r"gz: its gzip data were altered; the fault shows after"):
        list(read(path))


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_a_gzip_cut_in_its_checksum_keeps_all_rows(tmp_path, suffix):
    """Where only the last bytes are missing, all rows are read, and the cut is still told."""
    path = tmp_path / f"a.{suffix}.gz"
    data = lines(3) if suffix == "jsonl" else b'[{"a": 1}, {"a": 2}, {"a": 3}]'
    path.write_bytes(gzip.compress(data)[:-4])
    read = files.json_lines if suffix == "jsonl" else files.json_array
    assert exits(read(path)) == [(1, ""), (2, ""), (3, ""), (4, "truncated")]


def test_array_elements_are_cut_at_their_own_commas(tmp_path):
    """Brackets, commas and quotes inside strings divide nothing."""
    rows = [{"a": 'x "]", {', "b": [1, {"c": "\\"}]}, {"d": "[[["}, 5]
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf \n" + json.dumps(rows, indent=1).encode() + b"\n")
    assert [(n, json.loads(row)) for n, row in files.json_array(path)] == [
        *enumerate(rows, start=1)
    ]


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_array_elements_are_the_same_whatever_is_read_at_once(tmp_path, monkeypatch, chunk):
    """Where a chunk ends, even inside an escape, changes no element."""
    rows = [{"a": 'é \\ " \n', "b": ["]", "\\\\"]} for _ in range(5)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows) + "\n" * 100)
    monkeypatch.setattr(files, "_CHUNK_BYTES", chunk)
    assert [json.loads(row) for _, row in files.json_array(path)] == rows


def test_an_empty_array_has_no_rows(tmp_path):
    """`[]` yields nothing."""
    (tmp_path / "a.json").write_text(" [ ] ")
    assert list(files.json_array(tmp_path / "a.json")) == []


def test_what_follows_an_array_is_a_row_of_its_own(tmp_path):
    """Text after the end is not passed over: it comes out as one row more, to be refused."""
    (tmp_path / "a.json").write_text('[{"a": 1}]\n[{"a": 2}]\n')
    assert [row for _, row in files.json_array(tmp_path / "a.json")] == [b'{"a": 1}', b'[{"a": 2}]']


def test_a_broken_element_costs_itself(tmp_path):
    """Two commas in a row leave an element of nothing between them; the others stand."""
    (tmp_path / "a.json").write_text('[{"a": 1},, {"a": nul}, {"a": 2}]')
    rows = [row for _, row in files.json_array(tmp_path / "a.json")]
    assert rows == [b'{"a": 1}', b"", b'{"a": nul}', b'{"a": 2}']


def test_an_array_broken_half_way_keeps_the_rows_before(tmp_path):
    """The elements before the break are read, then one row leaves by `truncated`."""
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, {"a": 2}, {"a": "never end')
    assert exits(files.json_array(path)) == [(1, ""), (2, ""), (3, "truncated")]


def test_an_array_in_a_cut_gzip_keeps_the_rows_before(tmp_path):
    """What was unpacked before the cut is read, then one row leaves by `truncated`."""
    rows = [json.loads(line) for line in lines(400).splitlines()]
    packed = gzip.compress(json.dumps(rows).encode())
    (tmp_path / "a.json.gz").write_bytes(packed[: len(packed) // 2])
    *read, (_, last) = files.json_array(tmp_path / "a.json.gz")
    assert 100 < len(read) < 400
    assert [json.loads(row) for _, row in read] == rows[: len(read)]
    assert last.exit == "truncated"


@pytest.mark.parametrize("text", ['{"messages": []}\n{"messages": []}', "", "plain words"])
def test_a_json_file_that_is_no_array_is_refused(tmp_path, text):
    """The sentence says what was expected and how to name a file of lines."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError, match=r"a\.json: expected a JSON array of rows\. Name a file"):
        list(files.json_array(tmp_path / "a.json"))


def test_csv_rows_carry_the_line_they_start_on(tmp_path):
    """A row that spans lines is named by its first; a BOM is no part of the header."""
    path = table(tmp_path / "a.csv", ["a", "b"], ["1\n2", "x"], ["3", "y"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    rows = list(files.csv_rows(path, every))
    assert rows == [(2, {"a": "1\n2", "b": "x"}), (4, {"a": "3", "b": "y"})]


def test_csv_columns_not_chosen_are_not_read(tmp_path):
    """Only the chosen columns come out, and what is wrong in others costs nothing."""
    path = table(tmp_path / "a.csv", ["a", "b"], ["1", "x"])
    path.write_bytes(path.read_bytes().replace(b"x", b"\xff"))
    assert list(files.csv_rows(path, lambda header: header[:1])) == [(2, {"a": "1"})]


def test_csv_lines_in_another_encoding_cost_themselves(tmp_path):
    """A row with bytes that are not UTF-8 leaves by `bad_field`; its neighbours are read."""
    path = table(tmp_path / "a.csv", ["a", "b"], ["1", "x"], ["2", "né"], ["3", "né"])
    path.write_bytes(path.read_bytes().replace("2,né".encode(), b"2,n\xe9"))
    (_, first), (number, second), (_, third) = files.csv_rows(path, every)
    assert second == BadRow(number, "bad_field", "not UTF-8 in column b")
    assert (first["b"], third["b"]) == ("x", "né")


@pytest.mark.parametrize(
    ("line", "exit_name", "problem"),
    [
        pytest.param("1\n", "bad_field", "the row ends before its column b", id="short"),
        pytest.param("1,2,3\n", "bad_field", "more cells than the header", id="long"),
        pytest.param('1,"a"b\n', "bad_field", "CSV: ", id="quote inside a cell"),
    ],
)
def test_a_csv_row_of_another_form_costs_itself(tmp_path, line, exit_name, problem):
    """A row that does not fit the header leaves by name, and the row after it is read."""
    (tmp_path / "a.csv").write_text("a,b\n" + line + "3,4\n")
    (_, bad), (_, good) = files.csv_rows(tmp_path / "a.csv", every)
    assert bad.exit == exit_name
    assert problem in bad.problem
    assert good == {"a": "3", "b": "4"}


def test_a_csv_that_ends_inside_a_quote_is_truncated(tmp_path):
    """The last row, cut in the middle of a cell, leaves by `truncated` instead of being shortened."""
    (tmp_path / "a.csv").write_text('a,b\n1,2\n3,"cut he')
    assert exits(files.csv_rows(tmp_path / "a.csv", every)) == [(2, ""), (3, "truncated")]


def test_a_csv_in_a_cut_gzip_keeps_the_rows_before(tmp_path):
    """The rows before the cut are read, then one row leaves by `truncated`."""
    path = table(tmp_path / "a.csv", ["a"], *([line] for line in lines(400).decode().splitlines()))
    packed = gzip.compress(path.read_bytes())
    (tmp_path / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
    *read, (_, last) = files.csv_rows(tmp_path / "a.csv.gz", every)
    assert 100 < len(read) < 400
    assert last.exit == "truncated"


@pytest.mark.parametrize(
    "data", [b"", gzip.compress(b"a,b\n1,2\n", mtime=0)[:12]], ids=["empty", "cut"]
)
def test_a_csv_without_a_header_is_refused(tmp_path, data):
    """An empty file, or one cut before its first line ends, is no table."""
    path = tmp_path / ("a.csv.gz" if data else "a.csv")
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"expected a CSV header\. Check that the file is whole"):
        list(files.csv_rows(path, every))


def test_parquet_rows_are_numbered_across_batches(tmp_path):
    """Every row comes out once and in order, whatever the size of row groups and batches."""
    values = [f"row {place}" for place in range(2500)]
    parquet.write_table(pa.table({"a": values}), tmp_path / "a.parquet", row_group_size=700)
    rows = list(files.parquet_rows(tmp_path / "a.parquet", every))
    assert rows == [(number, {"a": text}) for number, text in enumerate(values, start=1)]


def test_a_parquet_column_of_another_type_is_refused(tmp_path):
    """The sentence names file, column and type."""
    parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(
        SourceError, match=r"a\.parquet: expected text or a list in column a, got int64\. Write"
    ):
        list(files.parquet_rows(tmp_path / "a.parquet", every))


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_cut_parquet_is_refused(tmp_path, keep):
    """Its directory stands at the end, so a cut file cannot be read at all."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": ["x" * 50] * 50}), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(SourceError, match=r"no Parquet file, or damaged after row 0\. Check how"):
        list(files.parquet_rows(path, every))


def test_a_parquet_row_that_is_not_utf8_costs_itself(tmp_path):
    """A text with broken bytes leaves by `bad_field`; the rows beside it are read."""
    texts = pa.array([b"one", b"tw\xe9", b"three"]).cast(pa.string(), safe=False)
    parquet.write_table(pa.table({"a": texts}), tmp_path / "a.parquet")
    rows = list(files.parquet_rows(tmp_path / "a.parquet", every))
    assert rows == [
        (1, {"a": "one"}),
        (2, BadRow(2, "bad_field", "not UTF-8")),
        (3, {"a": "three"}),
    ]
