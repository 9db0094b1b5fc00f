"""Row ids taken again from the raw sources, and held against the ledger of the door."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from caretune.corpus import door
from caretune.corpus import source as data_source
from caretune.corpus.source import Source
from caretune.lineage import identity
from caretune.lineage.ledger import Edge
from caretune.proof import reading, words
from caretune.proof.project import Fault, Project
from caretune.records import BadRow, Message

Seen = Callable[[int], object]
"""Is told how many rows more are done."""


class RawRow(NamedTuple):
    """One row of a source as the door first sees it: normalised, not redacted."""

    name: str
    """What the ledger calls it: `source:line`, or `source:line.2` for a line's second row."""
    id: str
    """Content id; empty for a row that cannot be one."""
    exit: str
    """Named exit of a bad row, else empty."""
    messages: list[Message]


def read(source: Source) -> Iterator[RawRow]:
    """Yield the rows of a source with their ids, about 25 microseconds each at 1.7 KB."""
    for _, name, line, raw in data_source.named(source):
        messages = raw if isinstance(raw, BadRow) else door.messages(line, raw.messages)
        if isinstance(messages, BadRow):
            yield RawRow(name, "", messages.exit, [])
        else:
            yield RawRow(name, identity.content_id(source.name, messages), "", messages)


def faults(project: Project, altered: AbstractSet[str], seen: Seen) -> Iterator[Fault]:
    """Yield the raw rows that do not go where the ledger says, and edges that no raw row has.

    Corpus rows whose words do not give their id must say what their raw row says, save for
    placeholders. What left for a reason other than its shape (a duplicate, too low a quality) is
    not judged again; that it was read and named is.

    Args:
        project: Where the files are.
        altered: Files whose bytes are not those of the manifest: the fault is theirs.
        seen: Is told how many rows more are done.
    """
    path = project.ledger("ingest")
    (corpus,) = project.rows("corpus")
    edges, doubtful = _Edges(path), words.doubtful(corpus)
    for source in project.sources:
        wrong = []
        for row in read(source) if source.path.is_file() else ():
            seen(1)
            if not edges.take(row):
                wrong.append(row.name)
            if row.id in doubtful and words.explained(doubtful[row.id], row.messages):
                del doubtful[row.id]
        file = source.path if str(source.path) in altered else path
        problem = f"rows of {source.name} do not have the id or exit that {path} names"
        yield from _listed(file, problem, wrong)
    yield from _listed(corpus, "rows that say other than the raw data", sorted(doubtful))
    yield from _listed(path, "edges that no row of the raw data has", edges.left())


class _Edges:
    """The ledger of the door; edges are taken away as raw rows ask for them."""

    def __init__(self, path: Path) -> None:
        # One string an edge: half the memory of a table of edges.
        self._kept: set[str] = set()
        self._exits: defaultdict[str, list[str]] = defaultdict(list)
        for edge in reading.rows(path, Edge):
            if edge.to:
                self._kept.add(f"{edge.source} {edge.to}")
            else:
                self._exits[edge.source].append(edge.exit)

    def take(self, row: RawRow) -> bool:
        """Take the edge of a row away; False where there is none that fits."""
        way, exits = f"{row.name} {row.id}", self._exits.get(row.name, [])
        if row.id and way in self._kept:
            self._kept.remove(way)
        elif exits and (row.id or row.exit in exits):
            exits.remove(row.exit if row.exit in exits else exits[0])
        else:
            return False
        return True

    def left(self) -> list[str]:
        """Return the sources of the edges that nobody took, sorted."""
        exits = (name for name, left in self._exits.items() for _ in left)
        return sorted([*(way.split()[0] for way in self._kept), *exits])


def _listed(path: Path, problem: str, rows: Sequence[str]) -> Iterator[Fault]:
    if rows:
        yield Fault(str(path), problem, tuple(rows))
