"""Ledgers of one JSON line an event, to which several runs add side by side."""

import os
from pathlib import Path
from typing import Any

from caretune.records import encode


def append(path: Path, record: Any) -> None:
    """Add a line in one write, so that runs side by side never mix theirs.

    A line that an earlier run left without its end is ended first.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        torn = file.seek(0, os.SEEK_END) > 0 and not _ends_a_line(path)
        line = (b"\n" if torn else b"") + encode(record) + b"\n"
        if file.write(line) != len(line):
            raise OSError(f"{path}: only a part of the line was written; is the disk full?")


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
