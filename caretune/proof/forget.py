"""What a row, a source or a person has touched: rows, children, models, verdicts, releases."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from caretune import records
from caretune.lineage import digest
from caretune.lineage.suppression import Entry

TRAINING = {
    "filters": ("corpus",),
    "base": ("split/train",),
    "adapter": ("labelled/train", "labelled/validation"),
}
"""Part of a release -> files whose rows shape it; validation rows choose the adapter's best step."""
_SPLITS = ("train", "validation", "test")
FILES = (
    "corpus",
    *(f"split/{name}" for name in (*_SPLITS, "expert")),
    "augmented",
    *(f"labelled/{name}" for name in _SPLITS),
)
"""Every file with rows. The corpus comes first: it tells whose the children and examples are."""


class Row(msgspec.Struct, frozen=True):
    """What is read of a row of any version of any stage; `conversation` is an expert example's."""

    id: str
    source: str = ""
    parent: str | None = None
    person: str | None = None
    family: str | None = None
    conversation: str | None = None


class Touched(NamedTuple):
    """What a run did with the rows that are meant.

    Attributes:
        rows: File -> ids found there, children and expert examples too, sorted.
        learnt: Parts of the release that were shaped by one of them.
        unknown: Files that something learnt from and whose bytes are not here: nobody can tell.
        families: Families of the rows.
    """

    rows: dict[str, list[str]]
    learnt: list[str]
    unknown: list[str]
    families: list[str]


class Release(NamedTuple):
    """A release that was made: its digest where it is known, its names, and what it learnt."""

    digest: str | None
    names: list[str]
    touched: Touched


def touched(
    entry: Entry,
    files: Mapping[str, Path | None],
    taught: frozenset[str],
    left: Mapping[str, str] | None = None,
) -> Touched:
    """Return what a run did with the rows that an entry means.

    Args:
        entry: The row, source or person.
        files: FILES -> where its bytes are; None where they are not here.
        taught: Sources whose rows the filters learn from.
        left: Row that the door turned away -> its source; the filters learnt from it all the same.
    """
    meant = {entry.key} if entry.kind == "row" else set()
    rows: dict[str, list[str]] = {}
    families: set[str] = set()
    filters = any(
        source in taught and _means(entry, Row(name, source), meant)
        for name, source in (left or {}).items()
    )
    for name in FILES:
        path = files.get(name)
        for row in records.read(path, Row) if path is not None else ():
            if not _means(entry, row, meant):
                continue
            if name == "corpus":
                meant.add(row.id)
                filters |= row.source in taught
            if row.family is not None:
                families.add(row.family)
            rows.setdefault(name, []).append(row.id)
    learnt = {
        "filters": filters,
        **{part: any(name in rows for name in TRAINING[part]) for part in ("base", "adapter")},
    }
    return Touched(
        {name: sorted(found) for name, found in rows.items()},
        [part for part, does in learnt.items() if does],
        [name for names in TRAINING.values() for name in names if files.get(name) is None],
        sorted(families),
    )


def released(manifest: Path | None, names: Sequence[str], found: Touched) -> Release:
    """Return a release with its digest: the sha256 of its manifest."""
    return Release(None if manifest is None else digest.sha256_file(manifest), [*names], found)


def to_revoke(releases: Iterable[Release], entry: Entry) -> dict[str, str]:
    """Return sha256 of a manifest -> reason, for each release that learnt from what is meant.

    A release that was only measured on it stays. One whose data is not here cannot be told of.
    """
    return {
        release.digest: f"its {', '.join(release.touched.learnt)} learnt from {_said(entry)}"
        for release in releases
        if release.digest is not None and release.touched.learnt
    }


def unclear(releases: Iterable[Release], current: str) -> bool:
    """Tell whether nobody can say here that the current release learnt, or learnt nothing.

    Args:
        releases: Those that were made.
        current: sha256 of the manifest that lies in the tree.
    """
    found = [release.touched for release in releases if release.digest == current]
    return not any(touched.learnt or not touched.unknown for touched in found)


def unclear_reason(entry: Entry) -> str:
    """Return why a release is revoked of which nobody could say what it learnt."""
    return f"nobody could tell whether it learnt from {_said(entry)}"


def relatives(path: Path, entry: Entry, families: Sequence[str]) -> list[str]:
    """Return the ids of rows that stay and are of the same families: they may tell the same.

    Args:
        path: The corpus or a split with families written in.
        entry: What is forgotten.
        families: Families of its rows.
    """
    wanted = set(families)
    return sorted(
        row.id
        for row in records.read(path, Row)
        if row.family in wanted and row.parent is None and not _means(entry, row, {entry.key})
    )


def _said(entry: Entry) -> str:
    meant = "a person" if entry.kind == "person" else f"the {entry.kind} {entry.key[:12]}"
    return f"{meant} that is suppressed"


def _means(entry: Entry, row: Row, meant: set[str]) -> bool:
    if entry.kind == "source" and row.source == entry.key:
        return True
    if entry.kind == "person" and row.person == entry.key:
        return True
    return not meant.isdisjoint((row.id, row.parent, row.conversation))
