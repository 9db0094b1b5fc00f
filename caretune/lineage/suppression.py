"""The suppression list: rows, sources and people that nothing may be learnt from.

A file in git, sorted, one entry a line; the door and the filters' training read it. It holds ids,
names of sources and keyed hashes of people: no text, and no name of a person in clear.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from caretune import records
from caretune.errors import LineageError, RecordError
from caretune.lineage import identity
from caretune.records import BadRow, Message

EXIT = "suppressed"
"""Exit of a row that the list covers."""
Kind = Literal["row", "source", "person", "key"]

_HASH = re.compile("[0-9a-f]{32}")
_SOURCE = re.compile("[A-Za-z0-9_.-]{1,80}")
_FORMS = {
    "row": (_HASH, "32 hex digits"),
    "person": (_HASH, "32 hex digits"),
    "key": (_HASH, "32 hex digits"),
    "source": (_SOURCE, "a name of params.ingest.sources"),
}


class Entry(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """What is suppressed: the content id of a row, the name of a source, or a person's hash.

    `key` suppresses nothing: it is the mark of the key that people's hashes were made with.
    """

    kind: Kind
    key: str


class Suppressed(NamedTuple):
    """The list as sets, for the way of each row."""

    rows: frozenset[str]
    sources: frozenset[str]
    people: frozenset[str]
    keys: frozenset[str] = frozenset()
    """Marks of the keys that the people's hashes were made with."""

    def covers(self, row: str, source: str, person: str | None = None) -> str | None:
        """Return why a row must not be learnt from, for its exit; None where it may be.

        The row's id stands in it, so that the ledger tells which rows an entry has kept out.
        """
        if row in self.rows:
            return f"{row}: {cause(Entry('row', row))}"
        if source in self.sources:
            return f"{row}: {cause(Entry('source', source))}"
        if person is not None and person in self.people:
            return f"{row}: {cause(Entry('person', person))}"
        return None


class Kept:
    """Tells of each row of a file in data/raw whether it may be learnt from, and counts the others.

    A row's id is its content id at the door; a labelled message is a conversation of one turn, whose
    source is the name of its file.
    """

    def __init__(self, suppressed: Suppressed) -> None:
        self.left_out = 0
        self._suppressed = suppressed

    def __call__(self, source: str, messages: Sequence[Message]) -> bool:
        """Tell whether the list leaves this row be."""
        said = [Message(m.role, records.normalise_text(m.content)) for m in messages]
        covered = self._suppressed.covers(identity.content_id(source, said), source) is not None
        self.left_out += covered
        return not covered


def check_key(found: Suppressed, mark: str) -> None:
    """Check that people's hashes were made with the key of this run, else none would be found.

    Args:
        found: The list.
        mark: `identity.key_mark` of the run's key.

    Raises:
        LineageError: People are suppressed, under another key.
    """
    if found.people and found.keys and mark not in found.keys:
        raise LineageError(
            "data/suppressed.jsonl: people are suppressed whose hashes were made with another "
            "CARETUNE_PERSON_KEY, so that their rows would come back. Set that key and run again."
        )


def cause(entry: Entry) -> str:
    """Return what the exit of a row says that an entry has kept out."""
    return f"the {entry.kind} {entry.key} is suppressed"


def sets(entries: Iterable[Entry]) -> Suppressed:
    """Return entries as the sets that rows are held against."""
    keys: dict[str, set[str]] = {"row": set(), "source": set(), "person": set(), "key": set()}
    for entry in entries:
        keys[entry.kind].add(entry.key)
    return Suppressed(*(frozenset(keys[kind]) for kind in ("row", "source", "person", "key")))


def load(path: Path) -> Suppressed:
    """Read a suppression list as sets.

    Raises:
        RecordError: A line is no entry.
        CaretuneError: There is no such file: a list that is lost must not count as empty.
    """
    return sets(read(path))


def read(path: Path) -> list[Entry]:
    """Read the entries of a suppression list, in the order of the file.

    Raises:
        RecordError: A line is no entry.
        CaretuneError: There is no such file.
    """
    entries = []
    for line, entry in records.read_lenient(path, Entry):
        problem = entry.problem if isinstance(entry, BadRow) else _problem(entry)
        if isinstance(entry, BadRow) or problem is not None:
            raise RecordError(str(path), line, str(problem))
        entries.append(entry)
    return entries


def add(path: Path, entry: Entry) -> bool:
    """Write an entry into a list, sorted and once; tell whether it is new.

    Raises:
        RecordError: The entry, or a line of the list, is none.
        CaretuneError: There is no such file.
    """
    entries = set(read(path))
    if (problem := _problem(entry)) is not None:
        raise RecordError(str(path), len(entries) + 1, problem)
    records.write(path, sorted(entries | {entry}))
    return entry not in entries


def _problem(entry: Entry) -> str | None:
    form, said = _FORMS[entry.kind]
    # What was written instead of a hash may be a name in clear: it is not quoted.
    return (
        None if form.fullmatch(entry.key) else f"the key of a {entry.kind} is {said} - at `$.key`"
    )
