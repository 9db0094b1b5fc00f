"""The certificate of forgetting: what no longer holds a row, and everything that still does.

It tells what was looked at and what could not be; equal trees give equal bytes. It holds ids and
keyed hashes: no text, no name of a person in clear.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from caretune.lineage import ledger, suppression
from caretune.lineage.suppression import Entry
from caretune.proof.forget import Release

_NAME = re.compile(rb"[0-9a-f]{32}")
_SAME = "same words as "
"""What the exit of a row says that leaves because a suppressed row has its words; an id follows."""
_BLOCK_BYTES = 1 << 22
_FEW = 16
"""So many ids are searched one by one, at 1 GB/s each; more by one pattern, at 80 MB/s for all."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Something outside the current files that still holds the row, or may."""

    kind: str
    """raw, cache, remote, experiment, export, release, elsewhere."""
    where: str
    holds: str
    """What is known: `yes`, or why it cannot be told from here."""
    remedy: str


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """certificate.json."""

    format: int
    kind: str
    key: str
    date: str | None
    """As it was passed; no clock is read."""
    clean: bool
    """Whether none of the current files holds the row and all were made without it."""
    faults: list[str]
    """Why it is not clean; [] where it is."""
    rows: int
    """Ids that are meant, as the ledger's exits and older runs tell them."""
    searched: dict[str, int]
    """Current file -> ids of those found in it; exits of the ledger do not count."""
    suppressed_sha256: str
    """Of the suppression list that the current files were made with."""
    release: str | None
    """sha256 of the current release's manifest; null where there is none."""
    revoked: dict[str, list[str]]
    """Release that learnt from it -> where git names it."""
    held: list[Place]


def names(entry: Entry, ledgers: Iterable[Path]) -> set[str]:
    """Return the ids that a ledger says left because of an entry, by themselves or by their words."""
    found = {entry.key} if entry.kind == "row" else set()
    same: dict[str, str] = {}
    for path in ledgers:
        for edge in ledger.stream(path):
            name, _, why = edge.detail.partition(": ")
            if edge.exit == suppression.EXIT and why == suppression.cause(entry):
                found.add(name)
            elif edge.exit == suppression.EXIT and why.startswith(_SAME):
                same[name] = why.removeprefix(_SAME)
    return found | {name for name, other in same.items() if other in found}


def mentions(path: Path, wanted: frozenset[str]) -> int:
    """Return how many of the ids stand in a file, whatever its format; read block by block."""
    asked = {name.encode() for name in wanted}
    found: set[bytes] = set()
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            text = rest + block
            if len(asked) <= _FEW:
                found.update(name for name in asked if name in text)
            else:
                found.update(asked.intersection(_NAME.findall(text)))
            rest = text[-31:]
    return len(found)


def passed(path: Path, wanted: frozenset[str]) -> int:
    """Return how many of the ids a stage read or wrote, as its ledger says; exits do not count."""
    return len({n for edge in ledger.stream(path) for n in (edge.source, edge.to) if n in wanted})


def holders(kind: str, files: Iterable[Path], wanted: frozenset[str], remedy: str) -> list[Place]:
    """Return a place for each file in which one of the ids stands."""
    return [Place(kind, str(path), "yes", remedy) for path in files if mentions(path, wanted)]


def of_releases(releases: Sequence[Release]) -> list[Place]:
    """Return a place for each release that learnt from the row, or may have."""
    found = []
    for release in releases:
        where = ", ".join(
            [release.digest or "a release whose manifest is not here", *release.names]
        )
        learnt, unknown = release.touched.learnt, release.touched.unknown
        if learnt:
            remedy = "delete it, its bentos and its copies"
            found.append(Place("release", where, f"yes: {', '.join(learnt)}", remedy))
        elif unknown:
            remedy = (
                "fetch its data (`dvc fetch --all-commits`), ask again; do not serve it until then"
            )
            found.append(
                Place("release", where, f"not known: {', '.join(unknown)} not here", remedy)
            )
        elif release.touched.rows:
            remedy = "its data lies in the cache"
            found.append(Place("release", where, "measured on it, learnt nothing", remedy))
    return sorted(found)


def revoked(releases: Iterable[Release]) -> dict[str, list[str]]:
    """Return the digests of the releases that learnt from the row, and their names."""
    return {r.digest: r.names for r in releases if r.digest is not None and r.touched.learnt}


def text(certificate: Certificate) -> str:
    """Return a certificate for people to read."""
    state = "CLEAN" if certificate.clean else "NOT CLEAN"
    said = certificate
    lines = [
        f"Certificate of forgetting: {said.kind} {said.key}",
        *([f"Date: {said.date}"] if said.date else []),
        f"Current files: {state}",
        *(f"  fault: {fault}" for fault in said.faults),
        f"Rows that are meant: {said.rows}",
        f"Current release: {said.release or 'none'}",
        f"Suppression list: sha256 {said.suppressed_sha256}",
        "",
        f"Current files looked into ({len(said.searched)}), and ids found:",
        *(f"  {path}: {count}" for path, count in sorted(said.searched.items())),
        "",
        f"Releases that learnt from it ({len(said.revoked)}), all revoked:",
        *(f"  {name}: {', '.join(where) or 'no name'}" for name, where in said.revoked.items()),
        "",
        f"Still held, or not to be seen from here ({len(said.held)}):",
        *(f"  {p.kind}: {p.where}\n    holds it: {p.holds}\n    do: {p.remedy}" for p in said.held),
    ]
    return "\n".join(lines) + "\n"


def counted(
    files: Iterable[Path], ledgers: Iterable[Path], wanted: frozenset[str]
) -> dict[str, int]:
    """Return current file -> ids found in it."""
    found = {str(path): mentions(path, wanted) for path in files}
    return found | {str(path): passed(path, wanted) for path in ledgers}


def faults(searched: Mapping[str, int], stale: Iterable[str], listed: bool) -> list[str]:
    """Return why the current files are not clean, a sentence each; [] where they are.

    Args:
        searched: Current file -> ids found in it.
        stale: What is not as the last run recorded it.
        listed: Whether the suppression list has the entry.
    """
    return [
        *([] if listed else ["the suppression list does not have it: run `caretune forget` first"]),
        *(f"{path} holds {count} of its ids" for path, count in sorted(searched.items()) if count),
        *(f"{problem}: run `dvc repro`" for problem in stale),
    ]
