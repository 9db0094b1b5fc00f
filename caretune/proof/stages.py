"""The stages as a graph of files: which stage reads and writes which."""

from collections.abc import Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """One stage as it is run: the files and folders that it reads and writes."""

    name: str
    reads: list[str]
    writes: list[str]


def writers(steps: Sequence[Step], path: str) -> list[Step]:
    """Return the steps that write a file, as itself or within a folder."""
    return [step for step in steps if any(_share(path, written) for written in step.writes)]


def readers(steps: Sequence[Step], path: str) -> list[Step]:
    """Return the steps that read a file, as itself or within a folder."""
    return [step for step in steps if any(_share(path, read) for read in step.reads)]


def data(steps: Sequence[Step], step: Step, raw: Sequence[str]) -> list[str]:
    """Return what a step reads of other steps and of raw data; code and settings are left out."""
    return [
        read
        for read in step.reads
        if writers(steps, read) or any(_share(read, folder) for folder in raw)
    ]


def _share(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
