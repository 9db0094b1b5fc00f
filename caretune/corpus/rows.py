"""Rows of JSONL files by position, read from disk when they are asked for.

608,458 rows are a gigabyte of text and five megabytes of offsets: whoever needs all rows walks
over shards, in this process or in several; whoever needs one reads that one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from caretune.errors import CaretuneError, RecordError
from caretune.records import Conversation, problem

_SHARD_BYTES = 4 << 20
_BLOCK = 16 << 20

_decoder = msgspec.json.Decoder(Conversation)


class Shard(NamedTuple):
    """A run of lines of one file."""

    path: Path
    start: int
    """First byte."""
    end: int
    """Byte after the last."""
    line: int
    """Number of its first line in the file, from 1."""
    position: int
    """Position of its first row among all rows, from 0."""
    size: int
    """Rows in it."""

    def lines(self) -> list[bytes]:
        """Return its lines, without line ends."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.end - self.start).removesuffix(b"\n").split(b"\n")

    def rows(self, wanted: Callable[[int], bool] = lambda _: True) -> Iterator[Conversation]:
        """Yield its rows, those whose position is wanted.

        Raises:
            RecordError: A line is no conversation.
        """
        for number, line in enumerate(self.lines()):
            if wanted(self.position + number):
                yield _decode(line, self.path, self.line + number)


class Rows:
    """The rows of some files, one file after the other.

    Args:
        paths: JSONL files that a stage wrote, without blank lines.

    Raises:
        CaretuneError: A file does not exist.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        ends = [_line_ends(path) for path in self._paths]
        self._starts = [np.concatenate([[0], end[:-1]]) if len(end) else end for end in ends]
        self._ends = ends
        self._first = np.cumsum([0, *map(len, ends)])

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, position: int) -> Conversation:
        """Read the row at a position, from 0."""
        file = int(np.searchsorted(self._first, position, side="right")) - 1
        line = position - int(self._first[file])
        start, end = int(self._starts[file][line]), int(self._ends[file][line])
        # Opened for each: ten microseconds, and no file that stays open.
        with self._paths[file].open("rb", buffering=0) as opened:
            text = os.pread(opened.fileno(), end - start, start)
        return _decode(text, self._paths[file], line + 1)

    def __iter__(self) -> Iterator[Conversation]:
        for shard in self.shards():
            yield from shard.rows()

    def shards(self) -> Iterator[Shard]:
        """Yield shards of about four megabytes; where they end depends on the files alone."""
        for path, ends, first in zip(self._paths, self._ends, self._first, strict=False):
            line = start = 0
            while line < len(ends):
                upto = int(np.searchsorted(ends, start + _SHARD_BYTES))
                upto = max(line + 1, min(upto, len(ends)))
                end = int(ends[upto - 1])
                yield Shard(path, start, end, line + 1, int(first) + line, upto - line)
                line, start = upto, end


def _line_ends(path: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the position after each line of a file."""
    if not path.exists():
        raise CaretuneError(f"{path}: no such file. Check the path, or run `dvc repro` to make it.")
    found, at, last = [], 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + at + 1)
            at, last = at + len(block), block[-1:]
    if last != b"\n":
        found.append(np.array([at]))
    return np.concatenate(found).astype(np.int64) if found else np.zeros(0, np.int64)


def _decode(line: bytes, path: Path, number: int) -> Conversation:
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise RecordError(str(path), number, problem(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(str(path), number, str(error)) from None
