"""Children of train rows: which strategies a parent gets, and what no child may lose.

Every choice derives from sha256(seed, parent id, strategy), so a row's children depend on nothing
but the row and the parameters. A child is its parent's family, licence and split; its gold severity
is never below the parent's, and the parent's crisis wording stands in it to the letter.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from caretune.corpus.augment import (
    context_expansion,
    crisis_scenarios,
    crisis_wording,
    demographic_diversity,
    dialogue_variation,
    paraphrase,
)
from caretune.corpus.augment.draft import Draft
from caretune.errors import LineageError
from caretune.lineage import digest, identity
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, Message, Operation, crisis_severity
from caretune.safety.taxonomy import Severity, severity_rank

_STAGE = "augment"
Scan = Callable[[Sequence[Message]], str]
"""Gives the filters' severity word for a sequence of user turns."""


class _Strategy(NamedTuple):
    draft: Callable[[Conversation, random.Random], Draft | None]
    version: int
    """Goes up when the strategy would write other children; it stands in each child's operation."""
    rewrites: bool = True
    """The child tells the parent's own story, so it must hold its crisis wording."""


_STRATEGIES = {
    "context_expansion": _Strategy(context_expansion.draft, version=1),
    "crisis_scenarios": _Strategy(crisis_scenarios.draft, version=1, rewrites=False),
    "demographic_diversity": _Strategy(demographic_diversity.draft, version=1),
    "dialogue_variation": _Strategy(dialogue_variation.draft, version=1),
    "paraphrase": _Strategy(paraphrase.draft, version=1),
}


class Attempt(NamedTuple):
    """One strategy tried on one parent: a child, or why there is none."""

    parent: Conversation
    strategy: str
    child: Conversation | None
    exit: Literal["", "duplicate", "not_suited", "severity_lost"]


def augment(
    rows: Iterable[Conversation],
    *,
    seed: int,
    probabilities: Mapping[str, float],
    max_children: int,
    scan: Scan,
) -> Iterator[Attempt]:
    """Try the chosen strategies on every train row.

    Args:
        rows: Rows of split/train, no others.
        seed: Seed of all choices.
        probabilities: Strategy -> chance 0..1 that a parent gets a child of it.
        max_children: At most so many strategies a parent; those drawn lowest stay.
        scan: The filters' severity of user turns; a child that scans below its parent is dropped.

    Raises:
        LineageError: A row is not of train, or a child lost severity or crisis wording.
    """
    seen: set[str] = set()
    for parent in rows:
        if parent.split != "train":
            raise LineageError(
                f"augment: row {parent.id} is of split {parent.split}, only train may have "
                "children. Give the stage data/split/train.jsonl."
            )
        scanned = scan(_said(parent))
        for name, generator in _chosen(parent.id, seed, probabilities, max_children):
            made = _STRATEGIES[name].draft(parent, generator)
            if made is None:
                yield Attempt(parent, name, None, "not_suited")
                continue
            child = _named(made, parent, name, seed)
            check_conserved(parent, child)
            if child.id in seen:
                yield Attempt(parent, name, None, "duplicate")
            elif _milder(child, parent, scanned, scan):
                yield Attempt(parent, name, None, "severity_lost")
            else:
                seen.add(child.id)
                yield Attempt(parent, name, child, "")


def check_conserved(parent: Conversation, child: Conversation) -> None:
    """Check that a child is no milder than its parent and holds its crisis wording to the letter.

    Raises:
        LineageError: Names both rows and what was lost.
    """
    strategy = child.operation.strategy if child.operation is not None else ""
    before, after = crisis_severity(parent) or "none", crisis_severity(child) or "none"
    if severity_rank(after) < severity_rank(before):
        raise LineageError(
            f"augment: child {child.id} by {strategy} has severity {after}, its parent {parent.id} "
            f"has {before}. Mend the strategy; a child may never be milder."
        )
    if not _STRATEGIES[strategy].rewrites:
        return
    lost = crisis_wording.missing(crisis_wording.kept(parent), child.messages)
    if lost:
        raise LineageError(
            f"augment: child {child.id} by {strategy} changed {lost} sentences of parent "
            f"{parent.id} that carry risk. Mend the strategy; they are kept to the letter."
        )


def edges(rows: Iterable[Conversation], attempts: Iterable[Attempt]) -> list[Edge]:
    """Return the ledger: parent -> child, a named exit for a child lost, `no_child` for the rest."""
    found = []
    for parent, strategy, child, way in attempts:
        if child is not None:
            found.append(Edge(_STAGE, parent.id, to=child.id))
        elif way != "not_suited":
            found.append(Edge(_STAGE, parent.id, exit=way, detail=strategy))
    seen = {edge.source for edge in found}
    return found + [Edge(_STAGE, row.id, exit="no_child") for row in rows if row.id not in seen]


def _chosen(
    parent: str, seed: int, probabilities: Mapping[str, float], max_children: int
) -> list[tuple[str, random.Random]]:
    """Draw the strategies of a parent, each with the generator that its draft goes on with."""
    drawn = []
    for name in sorted(_STRATEGIES):
        source = bytes.fromhex(digest.sha256_value([seed, parent, name]))
        generator = random.Random(source)  # noqa: S311 - a reproducible choice, no secret
        draw = generator.random()
        if draw < probabilities[name]:
            drawn.append((draw, name, generator))
    return [(name, generator) for _, name, generator in sorted(drawn)[:max_children]]


def _named(made: Draft, parent: Conversation, strategy: str, seed: int) -> Conversation:
    source = f"augment/{strategy}"
    return msgspec.structs.replace(
        made.conversation,
        id=identity.content_id(source, made.conversation.messages),
        source=source,
        parent=parent.id,
        operation=Operation(strategy, _STRATEGIES[strategy].version, seed, made.edits),
        filter=None,
    )


def _said(row: Conversation) -> list[Message]:
    return [message for message in row.messages if message.role == "user"]


def _milder(child: Conversation, parent: Conversation, scanned: str, scan: Scan) -> bool:
    """Tell whether the filters, where they score both, find the child milder than its parent."""
    if _said(child) == _said(parent) or scanned in (Severity.NONE, Severity.UNSCORED):
        return False
    after = scan(_said(child))
    return after != Severity.UNSCORED and severity_rank(after) < severity_rank(scanned)
