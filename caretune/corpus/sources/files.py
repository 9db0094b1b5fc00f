"""Rows out of JSON lines, a JSON array, a CSV table or a Parquet file, one at a time.

All but Parquet may also be compressed with gzip. A row that cannot be read costs itself; where the
file is cut off, the rows before are read and one row more leaves by the exit `truncated`. Gzip data
that are altered rather than cut are refused: what came out before the fault showed may be wrong.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from caretune.errors import SourceError
from caretune.records import BadRow

Choose = Callable[[Sequence[str]], Sequence[str]]
"""Which of a table's columns to read; raises SourceError where the table lacks what is needed."""

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")
_ALTERED = (zlib.error, gzip.BadGzipFile)
_CUT = "the gzip data are cut off here; nothing after it can be read"
_CHUNK_BYTES = 2**20
_BATCH_ROWS = 1024
_MAX_CELL_CHARS = 2**26  # a larger one is a quote that nobody closed
# What moves between the elements of an array: brackets, commas, and strings, whose insides do not
# count. The group is empty where a string has no end yet. Possessive, so 10 MB of text need no stack.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{},]', re.DOTALL)


def json_lines(path: Path) -> Iterator[tuple[int, bytes | BadRow]]:
    """Yield `(line number from 1, line)` for every line that is not blank.

    Raises:
        SourceError: Its gzip data were altered.
    """
    number = 0
    with _open(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                text = (line.removeprefix(_BOM) if number == 1 else line).strip()
                if text:
                    yield number, text
        except EOFError:
            yield number + 1, BadRow(number + 1, "truncated", _CUT)
        except _ALTERED:
            raise _altered(path, number) from None


def json_array(path: Path) -> Iterator[tuple[int, bytes | BadRow]]:
    """Yield `(element number from 1, element)` of a file that is one JSON array.

    Raises:
        SourceError: The file is no array, or its gzip data were altered.
    """
    number = 0
    try:
        for number, element in enumerate(_elements(path), start=1):
            yield number, element
    except EOFError:
        problem = "the array is cut off here; nothing after it can be read"
        yield number + 1, BadRow(number + 1, "truncated", problem)
    except _ALTERED:
        raise _altered(path, number) from None


def _elements(path: Path) -> Iterator[bytes]:
    """Yield the elements of an array as they stand in the file, and last what follows the array.

    Only brackets, commas and strings are looked at, so that a broken element costs itself.

    Raises:
        EOFError: The file ends before the array does.
    """
    with _open(path) as file:
        buffer = file.read1(_CHUNK_BYTES).removeprefix(_BOM).lstrip()
        if not buffer.startswith(b"["):
            raise SourceError(
                f"{path}: expected a JSON array of rows. Name a file of one object a line .jsonl, "
                "or write the rows as one array."
            )
        start, at, depth = 1, 1, 1  # depth 1: between the elements of the array
        while depth:
            match = _TOKEN.search(buffer, at)
            if match is None or match[1] == b"":
                at = (match.start() if match else len(buffer)) - start
                more = file.read1(max(_CHUNK_BYTES, at))
                if not more:
                    raise EOFError
                buffer, start = buffer[start:] + more, 0
                continue
            at = match.end()
            depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(match[0], 0)
            if depth == 0 or (depth == 1 and match[0] == b","):
                element = buffer[start : match.start()].strip()
                if element or depth:
                    yield element
                start = at
        rest = buffer[at:].strip()
        while more := file.read1(_CHUNK_BYTES):  # to the end, where gzip has its checksum
            rest = rest or more.strip()
        if rest:
            yield rest


def csv_rows(path: Path, choose: Choose) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
    """Yield `(line on which the row starts, from 1, row)` of a table with a header.

    Raises:
        SourceError: There is no header, `choose` refuses it, or the gzip data were altered.
    """
    csv.field_size_limit(_MAX_CELL_CHARS)  # of the whole process; the module knows no other way
    # Bytes that are not UTF-8 become lone surrogates, so that they cost one row and not the file.
    file = io.TextIOWrapper(_open(path), "utf-8-sig", errors="surrogateescape", newline="")
    with file:
        reader = csv.DictReader(file, strict=True)
        columns = choose(_header(path, reader))
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cut = "unexpected end" in str(error)
                yield line, BadRow(line, "truncated" if cut else "bad_field", f"CSV: {error}")
                continue
            except EOFError:
                yield line, BadRow(line, "truncated", _CUT)
                return
            except _ALTERED:
                raise _altered(path, line - 1) from None
            problem = _cell_problem(row, columns)
            cells = {name: row[name] for name in columns}
            yield line, cells if problem is None else BadRow(line, "bad_field", problem)


def parquet_rows(path: Path, choose: Choose) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Yield `(row number from 1, row)`, 1,024 rows in memory at a time.

    Raises:
        SourceError: The file is no Parquet, is damaged, `choose` refuses its columns, or one of
            these holds neither text nor lists.
    """
    import pyarrow as pa
    from pyarrow import parquet

    number = 0
    try:
        # Without pre_buffer=False the bytes of the whole file stay in memory (160 MB of 156).
        with parquet.ParquetFile(path, buffer_size=_CHUNK_BYTES, pre_buffer=False) as file:
            columns = choose(file.schema_arrow.names)
            _check_types(path, file.schema_arrow, columns)
            batches = file.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False)
            for batch in batches:
                for row in _batch_rows(batch):
                    number += 1
                    yield number, row or BadRow(number, "bad_field", "not UTF-8")
    except (pa.ArrowException, OSError):
        raise SourceError(
            f"{path}: no Parquet file, or damaged after row {number}. Check how it was written "
            "and copied."
        ) from None


def _open(path: Path) -> io.BufferedReader:
    if path.suffix.lower() == ".gz":
        return cast(io.BufferedReader, gzip.open(path, "rb"))
    return path.open("rb")


def _altered(path: Path, place: int) -> SourceError:
    return SourceError(
        f"{path}: its gzip data were altered; the fault shows after line or row {place}. Fetch the "
        "file anew."
    )


def _header(path: Path, reader: "csv.DictReader[str]") -> Sequence[str]:
    try:
        header = reader.fieldnames
    except (csv.Error, EOFError):
        header = None
    except _ALTERED:
        raise _altered(path, 0) from None
    if header is None:
        raise SourceError(f"{path}: expected a CSV header. Check that the file is whole.")
    return header


def _cell_problem(row: dict[str, str], columns: Sequence[str]) -> str | None:
    if None in row:
        return "the row has more cells than the header"
    for name in columns:
        text = cast(str | None, row[name])
        if text is None:
            return f"the row ends before its column {name}"
        if _SURROGATE.search(text):
            return f"not UTF-8 in column {name}"
    return None


def _check_types(path: Path, schema: Any, columns: Sequence[str]) -> None:
    from pyarrow import types

    readable = (
        types.is_string, types.is_large_string, types.is_list, types.is_large_list,
        types.is_dictionary, types.is_null,
    )  # fmt: skip
    for name in columns:
        kind = schema.field(name).type
        if not any(is_kind(kind) for is_kind in readable):
            raise SourceError(
                f"{path}: expected text or a list in column {name}, got {kind}. Write the column "
                "anew, or name another file in params.ingest."
            )


def _batch_rows(batch: Any) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a batch; None for a row with bytes that are not UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for place in range(len(batch)):
            try:
                yield from batch.slice(place, 1).to_pylist()
            except UnicodeDecodeError:
                yield None
