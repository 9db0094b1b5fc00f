"""Filter labels on rows, and which augmented children enter training.

Gold labels stay as their authors gave them; what the filters say stands beside them, under the
digest of the bundle that said it. The client's turns are read as one sequence, so that a retraction
is still risk; each assistant turn is read against what it answers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from caretune import records
from caretune.lineage import digest, ledger
from caretune.records import Conversation, Crisis, FilterLabels
from caretune.safety.chain import Chain
from caretune.safety.decision import Decision
from caretune.safety.taxonomy import Severity, severity_rank

_STAGE = "safety-label"


class Labelled(NamedTuple):
    """One row after the stage: labelled, or left out by a named exit."""

    row: Conversation
    exit: Literal["", "unsafe_reply"]


class Sample(NamedTuple):
    """The children that enter training, and those that do not."""

    taken: list[Conversation]
    left: list[Conversation]


def sample(children: Sequence[Conversation], rate: float, seed: int) -> Sample:
    """Take floor(rate * n) children, those with the lowest sha256(seed, id), in their given order.

    Args:
        children: Augmented rows.
        rate: 0.0 = none, 1.0 = all.
        seed: Seed of the rank; a child's rank does not depend on the other children.
    """
    ids = (child.id for child in children)
    ranked = sorted(ids, key=lambda name: digest.sha256_value([seed, name]))
    taken = set(ranked[: int(rate * len(ranked))])
    return Sample(
        [child for child in children if child.id in taken],
        [child for child in children if child.id not in taken],
    )


def label(
    row: Conversation, filters: Chain, *, drop_unsafe_replies: bool, max_toxic_reply_score: float
) -> Labelled:
    """Put the filters' labels on a row.

    Args:
        row: A row of any split.
        filters: The chain.
        drop_unsafe_replies: Leave a train row out when an assistant turn of it is toxic.
        max_toxic_reply_score: A toxic assistant turn at or above this score (0..1) is unsafe.
    """
    client = filters.scan_turns([turn for turn in row.messages if turn.role == "user"])
    replies, said = [], None
    for turn in row.messages:
        if turn.role == "assistant":
            replies.append(filters.scan_message(turn.content, "assistant", said))
        elif turn.role == "user":
            said = turn.content
    unsafe = any(
        reply.toxicity.toxic and reply.toxicity.score >= max_toxic_reply_score for reply in replies
    )
    labelled = msgspec.structs.replace(row, filter=_labels(client, replies, filters.digest))
    dropped = drop_unsafe_replies and row.split == "train" and unsafe
    return Labelled(labelled, "unsafe_reply" if dropped else "")


def edges(labelled: Iterable[Labelled], left: Iterable[Conversation]) -> list[ledger.Edge]:
    """Return the ledger: a row stays itself, or leaves as not_sampled or unsafe_reply."""
    ways = [*((row.id, way) for row, way in labelled), *((row.id, "not_sampled") for row in left)]
    return [ledger.Edge(_STAGE, name, to="" if way else name, exit=way) for name, way in ways]


def figures(labelled: Sequence[Labelled], left: Sequence[Conversation]) -> dict[str, Any]:
    """Return the report: rows and exits by split, and how far the labels agree.

    `gold_filter` counts rows by gold severity and the filters'. `agreement_rate` (1.0 = the same
    severity on every row) leaves out unscored rows, which `unscored` counts. `children_milder_rate`
    (0.0 = none) is the share of children whose filter severity is below that of their parent.
    """
    rows = [row for row, left_by in labelled if not left_by]
    both = [
        (row.gold.crisis.severity, row.filter.crisis.severity)
        for row in rows
        if row.gold is not None and row.gold.crisis is not None and row.filter is not None
    ]
    labels = [row.filter for row in rows if row.filter is not None]
    scored = [pair for pair in both if Severity.UNSCORED not in pair]
    return {
        "rows": records.count(row.split for row in rows),
        "exits": {**Counter(way for _, way in labelled if way), "not_sampled": len(left)},
        "domains": records.count((row.domain for row in rows), "unknown"),
        "gold_filter": records.cross_count(both),
        "n": len(scored),
        "unscored": len(both) - len(scored),
        "agreement_rate": _rate(gold == found for gold, found in scored),
        "within_one_step_rate": _rate(
            abs(severity_rank(gold) - severity_rank(found)) <= 1 for gold, found in scored
        ),
        "filter_severity": Counter(map(_severity, rows)),
        "bias": Counter(kind for found in labels for kind in found.bias),
        "inappropriate": Counter(kind for found in labels for kind in found.inappropriate),
        "pii": Counter(kind for found in labels for kind in found.pii),
        "toxic": sum(found.toxic for found in labels),
        **_kinship(rows),
    }


def _labels(client: Decision, replies: Sequence[Decision], bundle: str) -> FilterLabels:
    decisions, crisis = [client, *replies], client.crisis
    fitness = [reply.appropriateness for reply in replies if reply.appropriateness is not None]
    return FilterLabels(
        crisis=Crisis(
            sorted(crisis.types), crisis.severity, crisis.timeline, sorted(crisis.protective)
        ),
        bias=sorted({kind for decision in decisions for kind in decision.bias.types}),
        toxic=any(decision.toxicity.toxic for decision in decisions),
        inappropriate=sorted({found.violation for found in fitness if not found.appropriate}),
        pii=Counter(span.type for decision in decisions for span in decision.pii),
        digest=bundle,
    )


def _kinship(rows: Sequence[Conversation]) -> dict[str, Any]:
    """Compare the filters' severity of each child with that of its parent, where both are scored."""
    ranks = {
        row.id: severity_rank(_severity(row)) for row in rows if _severity(row) != Severity.UNSCORED
    }
    family = [(row.parent, row.id) for row in rows if row.parent is not None]
    pairs = [(ranks[up], ranks[own]) for up, own in family if up in ranks and own in ranks]
    return {
        "children_compared": len(pairs),
        "children_same_severity_rate": _rate(before == after for before, after in pairs),
        "children_milder_rate": _rate(after < before for before, after in pairs),
    }


def _severity(row: Conversation) -> str:
    return row.filter.crisis.severity if row.filter is not None else Severity.UNSCORED


def _rate(hits: Iterable[bool]) -> float | None:
    """Return the share of hits, null where nothing was compared."""
    found = list(hits)
    return round(sum(found) / len(found), 4) if found else None
