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
        exits=dict(sorted(Counter(edge.exit for edge in edges if edge.exit).items())),
        root=merkle.root([records.encode(edge) for edge in edges]),
    )


def check_conserved(edges: list[Edge], read_ids: Iterable[str], written_ids: Iterable[str]) -> None:
    """Check that every row read is accounted for and every row written has an origin.

    Raises:
        LineageError: Names the first row that is lost or comes from nowhere.
    """
    lost = sorted(set(read_ids) - {edge.source for edge in edges})
    orphans = sorted(set(written_ids) - {edge.to for edge in edges if edge.to})
    stage = edges[0].stage if edges else "an empty stage"
    if lost:
        raise LineageError(
            f"{stage}: {len(lost)} rows were read and left no trace, first {lost[0]}"
        )
    if orphans:
        raise LineageError(f"{stage}: {len(orphans)} rows came from nowhere, first {orphans[0]}")
