"""What changed between two versions of the corpus: rows added, removed, changed and moved.

Both sides are streamed; memory holds 27 bytes a row for the corpus and 17 for the split: a key, a
digest, a source and a split, never a text.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from caretune import records
from caretune.errors import LineageError, RecordError

_ROW = np.dtype([("key", "S16"), ("content", "<u8"), ("source", "<u2"), ("split", "u1")])
_PLACE = np.dtype([("key", "S16"), ("split", "u1")])
_PACKED_ROW, _PACKED_PLACE = struct.Struct("<16sQHB"), struct.Struct("<16sB")
_NOWHERE = "no split"
"""Rows that left with an expert example's family, and all rows where no split files are given."""


class Counts(msgspec.Struct):
    """Rows of one source or split."""

    before: int = 0
    after: int = 0
    added: int = 0
    """Ids that the earlier version does not have."""
    removed: int = 0
    """Ids that the later version does not have."""
    changed: int = 0
    """Same id, other content: redaction, labels, scores. A field that is null counts as absent."""
    moved: int = 0
    """Same id in another split."""


class Difference(msgspec.Struct, frozen=True):
    """The later version against the earlier one."""

    total: Counts
    sources: dict[str, Counts]
    splits: dict[str, Counts]
    """A row that moved counts as moved in the split where it is now."""
    moves: dict[str, int]
    """`from -> to` -> rows."""


class Files(NamedTuple):
    """One version of the corpus, as files."""

    corpus: Path
    splits: Mapping[str, Path]
    """Split -> its file; that of `expert` holds examples."""


class _Row(msgspec.Struct, frozen=True):
    id: str
    source: str


class _Place(msgspec.Struct, frozen=True):
    id: str
    conversation: str | None = None


class _Side(NamedTuple):
    rows: NDArray[Any]
    """Sorted by key."""
    sources: list[str]
    splits: list[str]


def compare(before: Files, after: Files) -> Difference:
    """Count what became of the rows of one version in another, by source and by split.

    Raises:
        RecordError: A line has no id or no source.
        LineageError: An id stands in a file twice.
        CaretuneError: A file does not exist.
    """
    old, new = _side(before), _side(after)
    _, in_old, in_new = np.intersect1d(
        old.rows["key"], new.rows["key"], assume_unique=True, return_indices=True
    )
    stayed, now = old.rows[in_old], new.rows[in_new]
    split_before = [old.splits[code] for code in stayed["split"]]
    split_now = [new.splits[code] for code in now["split"]]
    moved = np.array([a != b for a, b in zip(split_before, split_now, strict=True)], dtype=bool)
    parts = {
        "before": (old, old.rows),
        "after": (new, new.rows),
        "added": (new, np.delete(new.rows, in_new)),
        "removed": (old, np.delete(old.rows, in_old)),
        "changed": (new, now[stayed["content"] != now["content"]]),
        "moved": (new, now[moved]),
    }
    total, sources, splits = Counts(), dict[str, Counts](), dict[str, Counts]()
    for name, (side, rows) in parts.items():
        setattr(total, name, len(rows))
        _count(sources, name, rows["source"], side.sources)
        _count(splits, name, rows["split"], side.splits)
    pairs = zip(split_before, split_now, strict=True)
    moves = Counter(f"{a} -> {b}" for a, b in pairs if a != b)
    return Difference(total, sources, splits, dict(moves))


def _count(into: dict[str, Counts], name: str, codes: NDArray[Any], words: list[str]) -> None:
    for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
        setattr(into.setdefault(words[code], Counts()), name, int(count))


def _side(files: Files) -> _Side:
    splits = [_NOWHERE, *sorted(files.splits)]
    places = bytearray()
    for code, name in enumerate(splits[1:], start=1):
        for _, _, place in _lines(files.splits[name], _Place):
            places += _PACKED_PLACE.pack(_key(place.conversation or place.id), code)
    sources: dict[str, int] = {}
    packed = bytearray()
    for _, raw, row in _lines(files.corpus, _Row):
        source = sources.setdefault(row.source, len(sources))
        packed += _PACKED_ROW.pack(_key(row.id), _content(raw), source, 0)
    rows = _sorted(packed, _ROW, files.corpus)
    placed = _sorted(places, _PLACE, files.corpus.parent)
    _, at, of = np.intersect1d(rows["key"], placed["key"], assume_unique=True, return_indices=True)
    rows["split"][at] = placed["split"][of]
    return _Side(rows, list(sources), splits)


def _sorted(packed: bytearray, kind: np.dtype[Any], place: Path) -> NDArray[Any]:
    rows = np.frombuffer(packed, kind)
    rows = rows[np.argsort(rows["key"], kind="stable")]
    twice = int((rows["key"][1:] == rows["key"][:-1]).sum())
    if twice:
        raise LineageError(f"{place}: {twice} ids stand there twice. Run `dvc repro` to renew it.")
    return rows


def _lines(path: Path, kind: type[Any]) -> Iterable[tuple[int, bytes, Any]]:
    decoder = msgspec.json.Decoder(kind)
    if not path.is_file():
        raise LineageError(f"{path}: no such file. Run `dvc repro` or `dvc checkout` to have it.")
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                yield number, raw, decoder.decode(raw)
            except msgspec.ValidationError as error:
                raise RecordError(str(path), number, records.problem(error)) from None
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise RecordError(str(path), number, "not JSON in UTF-8 at $") from None


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def _content(raw: bytes) -> int:
    """Return a digest of what a line says; a field that a newer schema adds as null is nothing."""
    said = {name: value for name, value in msgspec.json.decode(raw).items() if value is not None}
    made = hashlib.blake2b(records.encode(said), digest_size=8)
    return int.from_bytes(made.digest(), "little")
