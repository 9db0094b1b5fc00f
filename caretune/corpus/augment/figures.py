"""The figures of augmentation: how much, how varied, how near to the parent, how grave."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from caretune import records
from caretune.corpus import families
from caretune.corpus.augment.pipeline import Attempt
from caretune.records import Conversation, Message, crisis_severity

_NEAR = 0.95
"""Jaccard similarity of word 3-grams from which a child says nothing new."""


def figures(rows: Sequence[Conversation], attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return the report of the stage.

    `ratio` is (train + children) / train; `distinct_2` is distinct word pairs over all word pairs of
    the children (1.0 = no pair twice), beside that of the train rows, `distinct_2_added` that of the
    turns which the parent does not have. `near_parent_rate` is the share of children with at least
    0.95 similarity to their parent. Rates are null where nothing counts.
    """
    made = [(a.parent, a.strategy, a.child) for a in attempts if a.child is not None]
    near = [name for parent, name, child in made if _similarity(parent, child) >= _NEAR]
    return {
        "train": len(rows),
        "children": len(made),
        "ratio": round((len(rows) + len(made)) / len(rows), 4) if rows else None,
        "strategies": {
            name: {
                "tried": sum(a.strategy == name for a in attempts),
                "made": sum(strategy == name for _, strategy, _ in made),
                "near_parent": near.count(name),
                **Counter(a.exit for a in attempts if a.strategy == name and a.exit),
            }
            for name in sorted({a.strategy for a in attempts})
        },
        "exits": Counter(a.exit for a in attempts if a.exit),
        "near_parent_rate": round(len(near) / len(made), 4) if made else None,
        "distinct_2": distinct_pairs(turn for _, _, child in made for turn in child.messages),
        "distinct_2_added": distinct_pairs(
            turn
            for parent, _, child in made
            for turn in child.messages
            if turn not in parent.messages
        ),
        "distinct_2_train": distinct_pairs(turn for row in rows for turn in row.messages),
        "severity_parent_child": records.cross_count(
            (_severity(parent), _severity(child)) for parent, _, child in made
        ),
        "severity_train": Counter(map(_severity, rows)),
        "severity_children": Counter(_severity(child) for _, _, child in made),
    }


def distinct_pairs(turns: Iterable[Message]) -> float | None:
    """Return distinct word pairs over all word pairs, pairs taken inside a turn; null for none."""
    pairs = Counter(pair for turn in turns for pair in pairwise(families.words(turn.content)))
    return round(len(pairs) / pairs.total(), 4) if pairs else None


def _similarity(parent: Conversation, child: Conversation) -> float:
    texts = ["\n".join(message.content for message in row.messages) for row in (parent, child)]
    return families.similarity(*map(families.shingles, texts))


def _severity(row: Conversation) -> str:
    return crisis_severity(row) or "not_labelled"
