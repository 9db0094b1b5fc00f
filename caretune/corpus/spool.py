"""Lines in the order of their keys, kept on disk until all are known."""

import os
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from caretune import records


class Spool:
    """A place on disk for lines that come in any order; only keys and places stay in memory.

    Args:
        folder: Where the temporary file lies: the disk of the file that is written at the end.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # No name on disk: whatever ends this process, nothing stays behind.
        self._file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed in __exit__
        self._places: list[tuple[str, int, int]] = []
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: str, line: bytes) -> int:
        """Keep a line, without its line end, and return its number, from 0."""
        self._file.write(line)
        self._places.append((key, self._end, len(line)))
        self._end += len(line)
        return len(self._places) - 1

    def line(self, number: int) -> bytes:
        """Return the line of a number."""
        self._file.flush()
        _, start, size = self._places[number]
        return os.pread(self._file.fileno(), size, start)

    def write(self, path: Path, dropped: Container[int] = ()) -> list[str]:
        """Write the lines in the order of their keys, but those dropped; return the keys written."""
        written: list[str] = []

        def noted() -> Iterator[bytes]:
            for key, line in self._lines(dropped):
                written.append(key)
                yield line

        records.write_lines(path, noted())
        return written

    def _lines(self, dropped: Container[int]) -> Iterator[tuple[str, bytes]]:
        self._file.flush()
        handle = self._file.fileno()
        kept = (place for n, place in enumerate(self._places) if n not in dropped)
        for key, start, size in sorted(kept):
            yield key, os.pread(handle, size, start) + b"\n"
