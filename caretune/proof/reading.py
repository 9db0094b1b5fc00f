"""Reading files that may be damaged: what can be read is read, what cannot is told by `damage`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from caretune import records
from caretune.records import BadRow

T = TypeVar("T")

_PIECE_BYTES = 1 << 20


class Row(msgspec.Struct, frozen=True):
    """What lineage needs of a row; its messages are skipped, not decoded."""

    id: str
    source: str = ""
    license: str = ""
    domain: str | None = None
    family: str | None = None
    parent: str | None = None
    split: str | None = None


class Expert(msgspec.Struct, frozen=True):
    """What lineage needs of an expert example."""

    id: str
    conversation: str
    family: str


def rows(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the records of a JSONL file that can be read, in its order; none for a missing file."""
    if not path.is_file():
        return
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        while lines := file.readlines(_PIECE_BYTES):
            try:
                yield from decoder.decode_lines(b"".join(lines))
            except (msgspec.DecodeError, UnicodeDecodeError):
                yield from _one_by_one(lines, decoder)


def damage(path: Path, kind: type[Any]) -> Iterator[str]:
    """Yield `line N: problem` for every line of a JSONL file that is no such record."""
    for number, row in records.read_lenient(path, kind):
        if isinstance(row, BadRow):
            yield f"line {number}: {row.problem}"


def value(path: Path, kind: type[T]) -> T | None:
    """Return the value of a JSON file; None where it is missing, damaged or of another kind."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _one_by_one(lines: list[bytes], decoder: msgspec.json.Decoder[T]) -> Iterator[T]:
    for line in lines:
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
