"""Filter labels on rows, and which augmented children enter training.

Gold labels stay as their authors gave them; what the filters say stands beside them, under the
digest of the bundle that said it. The client's turns are read as one sequence, so that a retraction
is still risk; each assistant turn is read against what it answers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any, Literal, NamedTuple

import msgspec

from caretune.lineage import digest, ledger
from caretune.records import Conversation, Crisis, FilterLabels
from caretune.safety.chain import Chain
from caretune.safety.decision import Decision
from caretune.safety.taxonomy import Severity, severity_rank

_STAGE = "safety-label"
_COUNTED = ("rows", "domains", "filter_severity", "bias", "inappropriate", "pii")


class Labelled(NamedTuple):
    """One row after the stage: labelled, or left out by a named exit."""

    row: Conversation
    exit: Literal["", "unsafe_reply"]


@dataclass
class Tally:
    """Counts labelled rows; one for each shard, merged in the end."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """`(figure, word)`."""
    gold_filter: Counter[tuple[str, str]] = field(default_factory=Counter)
    """`(gold severity, the filters')` of the rows that have gold."""
    ranks: dict[str, int] = field(default_factory=dict)
    """Row id -> rank of the filters' severity, of the train rows that are scored."""
    children: list[tuple[str, str]] = field(default_factory=list)
    """`(parent, child)`."""

    def add(self, row: Conversation) -> None:
        """Count one labelled row that stays."""
        found = row.filter
        severity = found.crisis.severity if found is not None else str(Severity.UNSCORED)
        self._count("rows", row.split or "unlabelled")
        self._count("domains", row.domain or "unknown")
        self._count("filter_severity", severity)
        if row.split == "train" and severity != Severity.UNSCORED:
            self.ranks[row.id] = severity_rank(severity)
        if row.parent is not None:
            self.children.append((row.parent, row.id))
        if found is None:
            return
        if row.gold is not None and row.gold.crisis is not None:
            self.gold_filter[row.gold.crisis.severity, severity] += 1
        for name, words in (
            ("bias", found.bias),
            ("inappropriate", found.inappropriate),
            ("pii", list(found.pii)),
            ("toxic", ["toxic"] if found.toxic else []),
        ):
            for word in words:
                self._count(name, word)

    def merge(self, other: "Tally") -> None:
        """Add what another tally counted."""
        self.counts.update(other.counts)
        self.gold_filter.update(other.gold_filter)
        self.ranks.update(other.ranks)
        self.children += other.children

    def of(self, figure: str) -> dict[str, int]:
        """Return word -> count of one figure."""
        return {word: n for (name, word), n in sorted(self.counts.items()) if name == figure}

    def _count(self, figure: str, word: str) -> None:
        self.counts[figure, word] += 1


def sample(children: Iterable[Conversation], rate: float, seed: int) -> frozenset[str]:
    """Return the ids of about rate * n children, those lowest in sha256(seed, id); twins as one.

    Counterfactual twins are ranked by the name of their pair, so that both enter or none: where the
    cut falls between them both stay out.

    Args:
        children: All augmented rows.
        rate: 0.0 = none, 1.0 = all.
        seed: Seed of the rank; a child's rank does not depend on the other children.
    """
    named = [(child.operation.pair if child.operation else None, child.id) for child in children]
    ranked = sorted((digest.sha256_value([seed, pair or own]), own) for pair, own in named)
    count = floor(Fraction(str(rate)) * len(ranked))
    cut = ranked[count][0] if count < len(ranked) else ""
    return frozenset(own for rank, own in ranked[:count] if rank != cut)


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


def edge(name: str, way: str) -> ledger.Edge:
    """Return a row's line in the ledger: it stays itself, or leaves by `way`."""
    return ledger.Edge(_STAGE, name, to="" if way else name, exit=way)


def figures(tally: Tally) -> dict[str, Any]:
    """Return the report: rows by split, what the filters say, and how far the labels agree.

    `gold_filter` counts rows by gold severity and the filters'. `agreement_rate` (1.0 = the same
    severity on every row) leaves out unscored rows, which `unscored` counts. `children_milder_rate`
    (0.0 = none) is the share of children whose filter severity is below that of their parent.
    """
    scored = {pair: n for pair, n in tally.gold_filter.items() if Severity.UNSCORED not in pair}
    steps = Counter[int]()
    for (gold, found), n in scored.items():
        steps[abs(severity_rank(gold) - severity_rank(found))] += n
    table: dict[str, dict[str, int]] = {}
    for (gold, found), n in sorted(tally.gold_filter.items()):
        table.setdefault(gold, {})[found] = n
    return {
        **{name: tally.of(name) for name in _COUNTED},
        "toxic": sum(tally.of("toxic").values()),
        "gold_filter": table,
        "n": steps.total(),
        "unscored": tally.gold_filter.total() - steps.total(),
        "agreement_rate": _rate(steps[0], steps.total()),
        "within_one_step_rate": _rate(steps[0] + steps[1], steps.total()),
        **_kinship(tally),
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


def _kinship(tally: Tally) -> dict[str, Any]:
    """Compare the filters' severity of each child with that of its parent, where both are scored."""
    ranks = tally.ranks
    pairs = [(ranks[up], ranks[own]) for up, own in tally.children if up in ranks and own in ranks]
    return {
        "children_compared": len(pairs),
        "children_same_severity_rate": _rate(sum(up == own for up, own in pairs), len(pairs)),
        "children_milder_rate": _rate(sum(own < up for up, own in pairs), len(pairs)),
    }


def _rate(hits: int, of: int) -> float | None:
    """Return the share of hits, null where nothing was compared."""
    return round(hits / of, 4) if of else None
