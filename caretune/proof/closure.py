"""The closure of rows over the ledger: everything they became, and everything they came from.

The ledgers are read once, stage by stage; only the closure itself is in memory.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from caretune.lineage import ledger
from caretune.lineage.ledger import Edge

STAGES = ("ingest", "split", "augment", "safety_label")
"""The ledger's files, in the order in which rows pass them."""

Ledgers = Mapping[str, Iterable[Edge]]
"""Stage -> its edges, in the order of STAGES."""


class Closure(NamedTuple):
    """Rows that hang together, the starts among them, and the edges that join them."""

    names: frozenset[str]
    """Ids of rows and expert examples, and raw lines as `source:line`."""
    edges: dict[str, list[Edge]]
    """Stage -> edges that were walked, exits too, in the order of the ledger."""


def ledgers(folder: Path) -> dict[str, Iterable[Edge]]:
    """Return the edges of each stage, to be gone through once; nothing is read yet.

    Args:
        folder: Holds a JSONL file for each stage.
    """
    return {stage: ledger.stream(folder / f"{stage}.jsonl") for stage in STAGES}


def forward(edges: Ledgers, start: Iterable[str]) -> Closure:
    """Return everything that the start rows became: rows, children, labelled rows, exits."""
    names = set(start)
    walked: dict[str, list[Edge]] = {}
    for stage, found in edges.items():
        # No stage reads its own output, so that one pass a stage is enough.
        walked[stage] = [edge for edge in found if edge.source in names]
        names.update(edge.to for edge in walked[stage] if edge.to)
    return Closure(frozenset(names), walked)


def backward(edges: Ledgers, start: Iterable[str]) -> Closure:
    """Return everything that the start rows came from, back to their raw lines."""
    names = set(start)
    walked: dict[str, list[Edge]] = {}
    for stage in reversed(list(edges)):
        walked[stage] = [edge for edge in edges[stage] if edge.to in names]
        names.update(edge.source for edge in walked[stage])
    return Closure(frozenset(names), {stage: walked[stage] for stage in edges})
