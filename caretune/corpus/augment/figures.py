"""The figures of augmentation: how much, how varied, how near to the parent, how grave.

Counts come from traces. Distinct n-grams need words, so they are counted over a sample: the children
with the lowest ids of each strategy. Ids are hashes, so that is a fair draw; it is the same whatever
the order or the shards, and its bounded number makes figures of other versions comparable.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

from caretune import records
from caretune.corpus import grams
from caretune.corpus.augment.pipeline import EXITS, STRATEGIES, Attempt
from caretune.corpus.augment.traces import Trace
from caretune.records import Conversation
from caretune.safety.taxonomy import severity_rank

NEAR = 0.95
"""Jaccard similarity of word 3-grams from which a child says next to nothing new."""
SAMPLED = 1000
"""Children of a strategy, and train rows, over which distinct n-grams are counted."""
_ORDERS = (1, 2, 3)
_TRAIN = "train"
_DIGITS = 4


class Words(NamedTuple):
    """A row's turns: those it shares with its parent and those added."""

    parent: str
    shared: list[str]
    added: list[str]


Sample = dict[str, dict[str, Words]]
"""Strategy, or `train` -> id -> words."""


def sample(rows: Iterable[Conversation], attempts: Iterable[Attempt]) -> Sample:
    """Return the sample of a shard: its train rows and its children with the lowest ids."""
    found: Sample = {}
    for row in rows:
        turns = [message.content for message in row.messages]
        _keep(found, _TRAIN, row.id, Words("", turns, []))
    for parent, strategy, child, *_ in attempts:
        if child is not None:
            told = {message.content for message in parent.messages}
            turns = [message.content for message in child.messages]
            shared = [turn for turn in turns if turn in told]
            added = [turn for turn in turns if turn not in told]
            _keep(found, strategy, child.id, Words(parent.id, shared, added))
    return _cut(found)


def merged(samples: Iterable[Sample]) -> Sample:
    """Return the sample of all shards, whatever their order."""
    found: Sample = {}
    for one in samples:
        for group, rows in one.items():
            for name, words in rows.items():
                _keep(found, group, name, words)
    return _cut(found)


def figures(
    train: Mapping[str, int],
    traces: Sequence[Trace],
    sampled: Sample,
    *,
    probabilities: Mapping[str, float],
    wanted_ratio: float,
) -> dict[str, Any]:
    """Return the report of the stage; rates and means are null where nothing counts.

    `ratio` is (train + children) / train. `distinct_1`, `_2` and `_3` are distinct words, pairs and
    triples over all of them (1.0 = none twice) in the sampled children; `_added` in the turns that
    the parent does not have; `_train` in the sampled train rows. `near_parent_rate` is the share of
    drafted children with at least 0.95 similarity to their parent, whether they stayed or not.

    Args:
        train: Train rows by gold severity.
        traces: All attempts, duplicates settled.
        sampled: The merged sample.
        probabilities: Strategy -> chance that a parent gets a child of it.
        wanted_ratio: The ratio that the parameters aim at.
    """
    rows, made = sum(train.values()), [found for found in traces if found.child]
    alive = {found.child for found in made}
    words = {
        name: [text for child, text in sampled.get(name, {}).items() if child in alive]
        for name in STRATEGIES
    }
    return {
        "train": rows,
        "children": len(made),
        "ratio": _ratio(rows + len(made), rows),
        "wanted_ratio": wanted_ratio,
        "pairs": len({(found.parent, found.pair) for found in made if found.pair}),
        "exits": Counter(found.exit for found in traces if found.exit),
        **_variety([text for name in STRATEGIES for text in words[name]]),
        **_distinct(
            (words.shared for words in sampled.get(_TRAIN, {}).values()), "distinct_{}_train"
        ),
        **_nearness(traces),
        "labels": _labels(traces),
        "strategies": {
            name: {
                "probability": probabilities[name],
                **_strategy([found for found in traces if found.strategy == name], rows),
                **_variety(words[name]),
            }
            for name in STRATEGIES
        },
        "severity_parent_child": records.cross_count(
            (found.severity, found.child_severity) for found in made
        ),
        "severity_train": dict(train),
        "severity_children": Counter(found.child_severity for found in made),
    }


def _strategy(traces: Sequence[Trace], rows: int) -> dict[str, Any]:
    """Return one strategy's figures; its exits stand beside `tried` under their own names."""
    made = [found for found in traces if found.child]
    return {
        "parents_rate": _ratio(len({found.parent for found in traces}), rows),
        "tried": len(traces),
        "made": len(made),
        "pairs": len({(found.parent, found.pair) for found in made if found.pair}),
        "kinds": Counter(kind for found in made for kind in found.kinds),
        **{way: sum(found.exit == way for found in traces) for way in EXITS},
        **_nearness(traces),
        "labels": _labels(traces),
    }


def _nearness(traces: Sequence[Trace]) -> dict[str, Any]:
    drafted = [found.similarity for found in traces if found.similarity is not None]
    siblings = [found.sibling for found in traces if found.sibling is not None]
    count = sum(similarity >= NEAR for similarity in drafted)
    return {
        "near_parent_drafted": count,
        "near_parent_rate": _ratio(count, len(drafted)),
        "parent_similarity": _mean(drafted),
        "sibling_similarity": _mean(siblings),
    }


def _labels(traces: Sequence[Trace]) -> dict[str, Any]:
    """Compare the filters' labels of parents with those of the children drafted.

    `unscored` pairs are left out of the rest. `milder` children were dropped, all of them.
    """
    pairs = [(found.before, found.after) for found in traces if found.before]
    scored = [pair for pair in pairs if "unscored" not in pair]
    steps = Counter(severity_rank(after) - severity_rank(before) for before, after in scored)
    overlaps = [found.overlap for found in traces if found.overlap is not None and found.before]
    return {
        "compared": len(scored),
        "unscored": len(pairs) - len(scored),
        "same": steps[0],
        "one_step_graver": steps[1],
        "graver": sum(count for step, count in steps.items() if step > 1),
        "milder": sum(count for step, count in steps.items() if step < 0),
        "same_rate": _ratio(steps[0], len(scored)),
        "types_overlap": _mean(overlaps),
    }


def _variety(texts: Sequence[Words]) -> dict[str, Any]:
    return {
        "sampled": len(texts),
        **_distinct(([*words.shared, *words.added] for words in texts), "distinct_{}"),
        **_distinct((words.added for words in texts), "distinct_{}_added"),
    }


def _distinct(texts: Iterable[list[str]], name: str) -> dict[str, float | None]:
    turns = [grams.words(turn) for text in texts for turn in text]
    return {name.format(order): distinct(turns, order) for order in _ORDERS}


def distinct(turns: Iterable[Sequence[bytes]], order: int) -> float | None:
    """Return distinct n-grams over all n-grams, taken inside a turn; null for none.

    Args:
        turns: The words of each turn.
        order: n, 1 for words.
    """
    seen: set[tuple[bytes, ...]] = set()
    total = 0
    for words in turns:
        found = list(zip(*(words[start:] for start in range(order)), strict=False))
        total += len(found)
        seen.update(found)
    return _ratio(len(seen), total)


def _keep(found: Sample, group: str, name: str, words: Words) -> None:
    """Keep a row; of two with one id, that of the smaller parent, as without duplicates."""
    rows = found.setdefault(group, {})
    rows[name] = min(words, rows.get(name, words))
    if len(rows) >= 2 * SAMPLED:
        found[group] = _lowest(rows)


def _cut(found: Sample) -> Sample:
    return {group: _lowest(rows) for group, rows in sorted(found.items())}


def _lowest(rows: Mapping[str, Words]) -> dict[str, Words]:
    return {name: rows[name] for name in sorted(rows)[:SAMPLED]}


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, _DIGITS) if whole else None


def _mean(values: Sequence[float]) -> float | None:
    # fsum is exact: the order of the values changes nothing.
    return round(fsum(values) / len(values), _DIGITS) if values else None
