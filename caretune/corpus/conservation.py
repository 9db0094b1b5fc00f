"""Crisis conservation: no row at risk is lost on its way, and none is made milder than it was.

A stage accounts for its crisis rows with `account`; what changes a row's words, augmentation and
redaction, is judged by `losses` and `redaction_loss`. Everything takes plain values, so that a stage
over many rows needs to keep (id, severity) of the few at risk and no row.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from caretune.corpus import crisis_wording
from caretune.errors import LineageError
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, Message, Role, crisis_severity
from caretune.safety.chain import Chain
from caretune.safety.taxonomy import Severity, severity_rank

_ROLES: tuple[Role, ...] = ("user", "assistant")


class Graded(NamedTuple):
    """A row's id (of a raw line: its name in the ledger) and severity, None where unlabelled."""

    id: str
    severity: str | None


class Scanned(NamedTuple):
    """What the filters say of a client's turns."""

    severity: str
    types: frozenset[str] = frozenset()


Scan = Callable[[Sequence[Message]], Scanned]
"""Gives the filters' word for a sequence of user turns."""


def scanner(filters: Chain) -> Scan:
    """Return the scan of a filter bundle."""

    def scan(turns: Sequence[Message]) -> Scanned:
        crisis = filters.scan_turns(turns).crisis
        return Scanned(crisis.severity, frozenset(crisis.types))

    return scan


def said(messages: Iterable[Message]) -> list[Message]:
    """Return the client's turns."""
    return [message for message in messages if message.role == "user"]


def milder(before: Scanned, after: Scanned) -> bool:
    """Tell whether the filters find the second milder than the first, or risk they cannot read now."""
    if before.severity == Severity.UNSCORED:
        return False
    if after.severity == Severity.UNSCORED:  # what the filters cannot read any more is lost to them
        return before.severity != Severity.NONE
    return severity_rank(after.severity) < severity_rank(before.severity)


def losses(parent: Conversation, child: Conversation, *, retold: bool) -> str:
    """Return what a child lost of its parent's severity or crisis wording, as a phrase; "" = nothing.

    Args:
        parent: The row it was made from.
        child: The row that was made.
        retold: The child tells the parent's story, so that every sentence that carries risk, of
            both sides, must stand in it byte for byte and in order.
    """
    before, after = crisis_severity(parent) or "none", crisis_severity(child) or "none"
    if severity_rank(after) < severity_rank(before):
        return f"has severity {after}, its parent {parent.id} has {before}"
    lost = 0
    for role in _ROLES if retold else ():
        kept = crisis_wording.kept(parent, role)
        lost += crisis_wording.missing(kept, child.messages, role)
    return f"changed {lost} sentences of parent {parent.id} that carry risk" if lost else ""


def redaction_loss(before: Sequence[Message], after: Sequence[Message], scan: Scan | None) -> str:
    """Return what redaction took from a row: "" = nothing, "crisis_wording" or "severity".

    Args:
        before: The row's messages as they came.
        after: The same turns with placeholders for personal data.
        scan: The filters; None where only the words are to be compared.
    """
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    # A name in a sentence at risk is rightly replaced; the words of the risk around it are not.
    if any(crisis_wording.words(one) != crisis_wording.words(other) for one, other in changed):
        return "crisis_wording"
    if scan is None or all(turn.role != "user" for turn, _ in changed):
        return ""
    return "severity" if milder(scan(said(before)), scan(said(after))) else ""


def account(
    stage: str, before: Iterable[Graded], edges: Iterable[Edge], after: Iterable[Graded]
) -> dict[str, Any]:
    """Check that a stage's crisis rows in = out + named exits, and return the figures.

    A crisis row has a severity above none. It is out when an edge leads to a row that was written,
    none of them milder; else it left by an exit, the first of its exits by name. In augmentation,
    where parents stay, out counts the parents with children.

    Args:
        stage: Named in the error.
        before: Rows read; raw lines under their name in the ledger.
        edges: The stage's part of the ledger.
        after: Rows written. An expert example has the severity of its conversation.

    Returns:
        {in, out, exits {name: n}, severities {severity: {in, out, exits}}}.

    Raises:
        LineageError: A crisis row is gone without an exit, or is milder; names the first.
    """
    at_risk = {row.id: str(row.severity) for row in before if _rank(row.severity)}
    ways: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        if edge.source in at_risk:
            ways[edge.source].append(edge)
    targets = {edge.to for found in ways.values() for edge in found if edge.to}
    written = {row.id: _rank(row.severity) for row in after if row.id in targets}
    faults: list[str] = []
    fates: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, severity in sorted(at_risk.items()):
        ends = [written[edge.to] for edge in ways[name] if edge.to in written]
        exits = sorted(edge.exit for edge in ways[name] if edge.exit)
        if not ends and not exits:
            faults.append(f"row {name} of severity {severity} is gone without an exit")
        elif ends and min(ends) < _rank(severity):
            faults.append(f"row {name} of severity {severity} became milder")
        fates[severity]["" if ends else next(iter(exits), "?")] += 1
    if faults:
        raise LineageError(
            f"{stage}: {len(faults)} crisis rows are not conserved: {faults[0]}. Look the row up in "
            "the stage's input and mend what lost it."
        )
    return {
        **_figures(sum(fates.values(), Counter())),
        "severities": {severity: _figures(found) for severity, found in sorted(fates.items())},
    }


def _figures(fates: Counter[str]) -> dict[str, Any]:
    return {
        "in": fates.total(),
        "out": fates[""],
        "exits": {way: count for way, count in sorted(fates.items()) if way},
    }


def _rank(severity: str | None) -> int:
    return severity_rank(severity or Severity.NONE)
