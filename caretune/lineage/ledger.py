"""The row ledger: one edge for every row that enters a stage, and the law that none is lost.

Rows read = rows written + named exits, at every stage. An edge says where one input row went: to
an output row (`to`) or to a named exit (`exit`). Sorted, the edges hang under one Merkle root.

A ledger is never wholly in memory as edges: `write` holds a sort key of some 120 bytes an edge, and
`stream` reads piece by piece.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from caretune import records
from caretune.errors import CaretuneError, LineageError
from caretune.lineage import merkle

_PIECE_BYTES = 1 << 20


class Edge(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """`source` went to `to`, or left by `exit`; exactly one of the two is set."""

    stage: str
    source: str = msgspec.field(name="from")
    to: str = ""
    exit: str = ""
    detail: str = ""


class Summary(msgspec.Struct, frozen=True):
    """The figures of one stage's part of the ledger."""

    stage: str
    rows_read: int
    rows_written: int
    exits: dict[str, int]
    root: str


_Key = tuple[str, str, str, str, str]


def write(path: Path, edges: Iterable[Edge]) -> Summary:
    """Write one stage's edges, sorted by from, to, exit and detail, and return their summary.

    The edges may come in any order and from a generator; they are not kept.

    Raises:
        LineageError: An edge has both or neither of `to` and `exit`.
    """
    keys = sorted(map(_sort_key, edges))
    decoder = msgspec.json.Decoder(_Key)
    records.write(path, (Edge(*decoder.decode(key)) for key in keys))
    del keys  # before the summary, which keeps every id that was written
    return summarise(stream(path))


def stream(path: Path) -> Iterator[Edge]:
    """Yield one stage's edges in the order of the file, about 1 microsecond each.

    Raises:
        RecordError: A line is not an edge; it is named.
        CaretuneError: The file does not exist.
    """
    if not path.exists():
        raise CaretuneError(f"{path}: no such file. Check the path, or run `dvc repro` to make it.")
    decoder = msgspec.json.Decoder(Edge)
    try:
        with path.open("rb") as file:
            while lines := file.readlines(_PIECE_BYTES):
                yield from decoder.decode_lines(b"".join(lines))
    except (msgspec.DecodeError, UnicodeDecodeError):
        list(records.read(path, Edge))  # names the line
        raise


def read(path: Path) -> list[Edge]:
    """Read one stage's part of the ledger."""
    return list(stream(path))


def summarise(edges: Iterable[Edge]) -> Summary:
    """Count rows read (distinct sources), rows written (distinct targets) and exits by name.

    Args:
        edges: In the ledger's order, so that the edges of one source follow each other.
    """
    edges = iter(edges)
    first = next(edges, None)
    if first is None:
        return Summary("", 0, 0, {}, merkle.root([]))
    tally = _Tally()
    root = merkle.root(records.encode(edge) for edge in tally.count(chain([first], edges)))
    exits = dict(sorted(tally.exits.items()))
    return Summary(first.stage, tally.sources, len(tally.targets), exits, root)


class _Tally:
    """Counts edges as they pass by."""

    def __init__(self) -> None:
        self.sources = 0
        self.targets: set[str] = set()
        self.exits: Counter[str] = Counter()

    def count(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        before = None
        for edge in edges:
            self.sources += edge.source != before
            before = edge.source
            if edge.to:
                self.targets.add(edge.to)
            else:
                self.exits[edge.exit] += 1
            yield edge


def unaccounted(
    edges: Iterable[Edge], read_ids: Iterable[str], written_ids: Iterable[str]
) -> list[str]:
    """Return a phrase for every row whose way the edges do not tell truly; [] = all conserved.

    Every row read has an edge and every edge a row that was read; every row written has an edge
    and every edge `to` a row that was written, once. Each argument is gone through once; what is
    kept is a count for every id.
    """
    begins: dict[str, int] = {}
    ends: dict[str, int] = {}
    for edge in edges:
        begins[edge.source] = 0
        if edge.to:
            ends[edge.to] = 0
    lost, strange = _tick(begins, read_ids), _tick(ends, written_ids)
    return [
        *(f"{row} was read and left no trace" for row in sorted(lost)),
        *(f"{row} came from nowhere" for row in sorted(strange)),
        *(f"{row} has an edge but was never read" for row in sorted(_at_zero(begins))),
        *(f"{row} has an edge but was never written" for row in sorted(_at_zero(ends))),
        *(
            f"{row} was written {n} times"
            for row, n in sorted(chain(ends.items(), strange.items()))
            if n > 1
        ),
    ]


def check_conserved(
    edges: Iterable[Edge], read_ids: Iterable[str], written_ids: Iterable[str]
) -> None:
    """Check that rows read = rows written + named exits, row by row.

    Raises:
        LineageError: Counts the rows that are not accounted for and names the first.
    """
    edges = iter(edges)
    first = next(edges, None)
    faults = unaccounted(chain([first] if first else [], edges), read_ids, written_ids)
    if faults:
        stage = first.stage if first else "a stage without a ledger"
        raise LineageError(f"{stage}: {len(faults)} rows are not accounted for: {faults[0]}")


def _sort_key(edge: Edge) -> bytes:
    """Return bytes that sort as (stage, from, to, exit, detail) and hold all of the edge."""
    if bool(edge.to) == bool(edge.exit):
        raise LineageError(f"ledger edge from {edge.source} in {edge.stage}: needs `to` or `exit`")
    return msgspec.json.encode((edge.stage, edge.source, edge.to, edge.exit, edge.detail))


def _tick(seen: dict[str, int], ids: Iterable[str]) -> Counter[str]:
    """Count every id that the edges know; return the counts of those they do not know."""
    unknown: Counter[str] = Counter()
    for name in ids:
        if name in seen:
            seen[name] += 1
        else:
            unknown[name] += 1
    return unknown


def _at_zero(seen: dict[str, int]) -> list[str]:
    return [name for name, count in seen.items() if not count]
