"""The row ledger: one edge for every row that enters a stage, and the law that none is lost.

Rows read = rows written + named exits, at every stage. An edge says where one input row went: to
an output row (`to`) or to a named exit (`exit`). Sorted, the edges hang under one Merkle root.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import merkle


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


def write(path: Path, edges: Iterable[Edge]) -> Summary:
    """Write one stage's edges, sorted, and return their summary.

    Raises:
        LineageError: An edge has both or neither of `to` and `exit`.
    """
    ordered = sorted(edges)
    for edge in ordered:
        if bool(edge.to) == bool(edge.exit):
            raise LineageError(
                f"ledger edge from {edge.source} in {edge.stage}: needs `to` or `exit`"
            )
    records.write(path, ordered)
    return summarise(ordered)


def read(path: Path) -> list[Edge]:
    """Read one stage's part of the ledger."""
    return list(records.read(path, Edge))


def summarise(edges: list[Edge]) -> Summary:
    """Count rows read (distinct sources), rows written (distinct targets) and exits by name."""
    return Summary(
        stage=edges[0].stage if edges else "",
        rows_read=len({edge.source for edge in edges}),
        rows_written=len({edge.to for edge in edges if edge.to}),
        exits=dict(Counter(edge.exit for edge in edges if edge.exit)),
        root=merkle.root([records.encode(edge) for edge in edges]),
    )


def unaccounted(
    edges: list[Edge], read_ids: Iterable[str], written_ids: Iterable[str]
) -> list[str]:
    """Return a phrase for every row whose way the edges do not tell truly; [] = all conserved.

    Every row read has an edge and every edge a row that was read; every row written has an edge
    and every edge `to` a row that was written, once.
    """
    ends = {edge.to for edge in edges if edge.to}
    begins = {edge.source for edge in edges}
    read_once, written = set(read_ids), Counter(written_ids)
    return [
        *(f"{row} was read and left no trace" for row in sorted(read_once - begins)),
        *(f"{row} came from nowhere" for row in sorted(written.keys() - ends)),
        *(f"{row} has an edge but was never read" for row in sorted(begins - read_once)),
        *(f"{row} has an edge but was never written" for row in sorted(ends - written.keys())),
        *(f"{row} was written {n} times" for row, n in sorted(written.items()) if n > 1),
    ]


def check_conserved(edges: list[Edge], read_ids: Iterable[str], written_ids: Iterable[str]) -> None:
    """Check that rows read = rows written + named exits, row by row.

    Raises:
        LineageError: Counts the rows that are not accounted for and names the first.
    """
    faults = unaccounted(edges, read_ids, written_ids)
    if faults:
        stage = edges[0].stage if edges else "a stage without a ledger"
        raise LineageError(f"{stage}: {len(faults)} rows are not accounted for: {faults[0]}")
