"""What is left of an attempt without its words: enough for the ledger, the figures and the proof.

A stage over many rows lets each shard make its children and hand back traces; which of two equal
children stays is decided over all traces, by ids alone, so that the order of rows changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import fsum
from typing import NamedTuple

from caretune.corpus import conservation, grams
from caretune.corpus.augment import pipeline
from caretune.corpus.augment.pipeline import Attempt
from caretune.corpus.conservation import Graded
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, crisis_severity

_STAGE = "augment"
NOT_LABELLED = "not_labelled"


class Trace(NamedTuple):
    """One attempt; severities are gold, or `not_labelled`."""

    parent: str
    strategy: str
    child: str
    """Id of the child; "" where there is none."""
    exit: str
    """Why there is no child; "" where there is one."""
    pair: str | None
    """Name of the counterfactual pair."""
    kinds: tuple[str, ...]
    """What was asked of the mix: kinds of context, type and difficulty, side of the client."""
    severity: str
    """The parent's."""
    types: tuple[str, ...]
    """The parent's gold crisis types."""
    child_severity: str
    """"" where there is no child."""
    similarity: float | None
    """With the parent: 1.0 = the same word 3-grams; None where nothing was drafted."""
    sibling: float | None
    """Mean over the parent's other children; None for an only child."""
    before: str
    """The filters' severity of the parent; "" where not compared."""
    after: str
    """The filters' severity of the child; "" where not compared."""
    overlap: float | None
    """Jaccard of the filters' crisis types; 1.0 = the same, also where both are none."""
    milder: bool
    """The child lost gold severity, crisis wording or the filters' severity: never true."""


def trace(attempts: Iterable[Attempt]) -> Iterator[Trace]:
    """Yield the trace of each attempt; those of a parent must follow each other."""
    for _, group in groupby(attempts, key=lambda attempt: attempt.parent.id):
        tried = list(group)
        shingles = [pipeline.shingles(a.child) if a.child is not None else None for a in tried]
        for place, attempt in enumerate(tried):
            yield _trace(attempt, _sibling(place, shingles))


def without_duplicates(traces: Sequence[Trace]) -> list[Trace]:
    """Let equal children of different parents leave as `duplicate`, but that of the smallest parent.

    A twin whose other half is a duplicate leaves with it, as `twin_lost`. The result is in the order
    of the traces and depends on nothing but what they are.
    """
    first: dict[str, str] = {}
    for found in traces:
        if found.child:
            first[found.child] = min(found.parent, first.get(found.child, found.parent))
    torn = {
        (found.parent, found.pair)
        for found in traces
        if found.child and found.pair and first[found.child] != found.parent
    }
    return [
        _lost(found, "duplicate")
        if found.child and first[found.child] != found.parent
        else _lost(found, "twin_lost")
        if found.child and (found.parent, found.pair) in torn
        else found
        for found in traces
    ]


def edges(traces: Iterable[Trace], parents: Iterable[str]) -> Iterator[Edge]:
    """Yield the ledger: parent -> child, a named exit for a child lost, `no_child` for the rest."""
    seen = set()
    for found in traces:
        if found.child:
            seen.add(found.parent)
            yield Edge(_STAGE, found.parent, to=found.child)
        elif found.exit != "not_suited":
            seen.add(found.parent)
            yield Edge(_STAGE, found.parent, exit=found.exit, detail=found.strategy)
    for name in parents:
        if name not in seen:
            yield Edge(_STAGE, name, exit="no_child")


def graded(found: Trace) -> Graded:
    """Return the child of an attempt that has one."""
    severity = found.child_severity
    return Graded(found.child, None if severity == NOT_LABELLED else severity)


def _trace(attempt: Attempt, sibling: float | None) -> Trace:
    parent, child, before, after = attempt.parent, attempt.child, attempt.before, attempt.after
    operation = child.operation if child is not None else None
    gold = parent.gold.crisis if parent.gold is not None else None
    compared = before is not None and after is not None
    return Trace(
        parent=parent.id,
        strategy=attempt.strategy,
        child=child.id if child is not None else "",
        exit=attempt.exit,
        pair=operation.pair if operation is not None else None,
        kinds=_kinds(attempt.strategy, operation.edits if operation is not None else []),
        severity=severity(parent),
        types=tuple(gold.types) if gold is not None else (),
        child_severity=severity(child) if child is not None else "",
        similarity=attempt.similarity,
        sibling=sibling,
        before=before.severity if before is not None and compared else "",
        after=after.severity if after is not None and compared else "",
        overlap=_overlap(before.types, after.types) if before and after else None,
        milder=child is not None and _milder(attempt, child),
    )


def severity(row: Conversation) -> str:
    """Return the gold severity of a row, or `not_labelled`."""
    return crisis_severity(row) or NOT_LABELLED


def _milder(attempt: Attempt, child: Conversation) -> bool:
    """Judge a child that was let through once more."""
    retold = pipeline.retells(attempt.strategy)
    if conservation.losses(attempt.parent, child, retold=retold):
        return True
    before, after = attempt.before, attempt.after
    return before is not None and after is not None and conservation.milder(before, after)


def _kinds(strategy: str, edits: Sequence[str]) -> tuple[str, ...]:
    """Read the mix from a child's edits; a scenario's stand behind the colon, others' before."""
    if strategy not in {"context_expansion", "crisis_scenarios", "demographic_diversity"}:
        return ()
    side = 2 if strategy == "crisis_scenarios" else 0
    return tuple(sorted({(edit.partition(": ")[side] or edit) for edit in edits}))


def _sibling(place: int, shingles: Sequence[frozenset[int] | None]) -> float | None:
    own = shingles[place]
    if own is None:
        return None
    others = [s for other, s in enumerate(shingles) if s is not None and other != place]
    found = [grams.similarity(own, other) for other in others]
    return fsum(found) / len(found) if found else None


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def _lost(found: Trace, way: str) -> Trace:
    return found._replace(child="", exit=way, pair=None, kinds=(), child_severity="", sibling=None)
