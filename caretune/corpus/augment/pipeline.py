"""Children of train rows: which strategies a parent gets, and what no child may lose.

Every choice derives from sha256(seed, parent id, strategy), so a row's children depend on nothing
but the row and the parameters. A child is its parent's family, licence and split; its gold severity
is never below the parent's, and the parent's crisis wording stands in it to the letter. Children of
different parents that are the same are settled afterwards (`traces.without_duplicates`).
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import msgspec

from caretune.corpus import conservation, grams
from caretune.corpus.augment import (
    context_expansion,
    crisis_scenarios,
    demographic_diversity,
    dialogue_variation,
    paraphrase,
)
from caretune.corpus.augment.draft import Draft
from caretune.corpus.conservation import Scan, Scanned
from caretune.errors import LineageError
from caretune.lineage import digest, identity
from caretune.records import Conversation, Operation

_PAIR_HEX = 16
Exit = Literal["", "duplicate", "near_parent", "not_suited", "severity_lost", "twin_lost"]
EXITS = get_args(Exit)[1:]


class Recipe(NamedTuple):
    """How many children, of which kinds."""

    seed: int
    """Seed of all choices."""
    probabilities: Mapping[str, float]
    """Strategy -> chance 0..1 that a parent gets a child of it."""
    max_children: int
    """At most so many children tried for a parent; the strategies drawn lowest come first."""
    context_mix: Mapping[str, float]
    """Kind of context -> its weight; 0.0 = never."""
    crisis_mix: Mapping[str, float]
    """Difficulty of a crisis scenario -> its weight; 0.0 = never."""
    counterfactual_rate: float
    """Share 0..1 of the demographic children that come as counterfactual twins."""
    max_parent_similarity: float
    """A child more similar to its parent leaves (Jaccard of word 3-grams, 1.0 = the same words)."""


class _Strategy(NamedTuple):
    drafts: Callable[[Conversation, random.Random, Recipe], Sequence[Draft | None]]
    """One draft, or two that are twins; none or None where the parent does not suit."""
    version: int
    """Goes up when the strategy would write other children; it stands in each child's operation."""
    rewrites: bool = True
    """The child tells the parent's own story, so it must hold its crisis wording."""


def _demographic(parent: Conversation, draws: random.Random, recipe: Recipe) -> list[Draft | None]:
    twins = draws.random() < recipe.counterfactual_rate
    found = demographic_diversity.twins(parent, draws) if twins else []
    return [*found] or [demographic_diversity.draft(parent, draws)]


_STRATEGIES = {
    "context_expansion": _Strategy(
        lambda row, draws, recipe: [context_expansion.draft(row, draws, recipe.context_mix)], 2
    ),
    "crisis_scenarios": _Strategy(
        lambda row, draws, recipe: [crisis_scenarios.draft(row, draws, recipe.crisis_mix)],
        version=2,
        rewrites=False,
    ),
    "demographic_diversity": _Strategy(_demographic, version=2),
    "dialogue_variation": _Strategy(
        lambda row, draws, _: [dialogue_variation.draft(row, draws)], version=1
    ),
    "paraphrase": _Strategy(lambda row, draws, _: [paraphrase.draft(row, draws)], version=1),
}
STRATEGIES = tuple(sorted(_STRATEGIES))


class Attempt(NamedTuple):
    """One child tried: the child, or why there is none; and how it compares with its parent."""

    parent: Conversation
    strategy: str
    child: Conversation | None
    exit: Exit
    similarity: float | None = None
    """With the parent, 1.0 = the same word 3-grams; None where nothing was drafted."""
    before: Scanned | None = None
    """What the filters say of the parent; None where the child was not scanned."""
    after: Scanned | None = None
    """What the filters say of the child; None where it was not scanned."""


def augment(rows: Iterable[Conversation], recipe: Recipe, scan: Scan) -> Iterator[Attempt]:
    """Try the chosen strategies on train rows: a pure function of each row, in any order.

    Args:
        rows: Rows of split/train, no others; all of them or a shard.
        recipe: How many children, of which kinds.
        scan: The filters' word for user turns; a child that scans below its parent is dropped.

    Raises:
        LineageError: A row is not of train, a child lost severity or crisis wording, or twins
            differ in more than the client's background.
    """
    for row in rows:
        if row.split != "train":
            raise LineageError(
                f"augment: row {row.id} is of split {row.split}, only train may have "
                "children. Give the stage data/split/train.jsonl."
            )
        parent, room = _Parent(row, scan), recipe.max_children
        for name, draws in _chosen(row.id, recipe):
            if room < 1:
                break
            fitting = recipe if room > 1 else recipe._replace(counterfactual_rate=0.0)
            drafts = _STRATEGIES[name].drafts(row, draws, fitting)
            room -= max(1, len(drafts))
            yield from _attempts(parent, name, [d for d in drafts if d is not None], recipe)


def check_conserved(parent: Conversation, child: Conversation) -> None:
    """Check that a child is no milder than its parent and holds its crisis wording to the letter.

    Raises:
        LineageError: Names both rows and what was lost.
    """
    strategy = child.operation.strategy if child.operation is not None else ""
    lost = conservation.losses(parent, child, retold=retells(strategy))
    if lost:
        raise LineageError(
            f"augment: child {child.id} by {strategy} {lost}. Mend the strategy; a child is never "
            "milder, and sentences that carry risk are kept to the letter."
        )


def retells(strategy: str) -> bool:
    """Tell whether children of a strategy tell the parent's own story."""
    return _STRATEGIES[strategy].rewrites


class _Parent:
    """A row with what its children are compared with, each measured once and only if needed."""

    def __init__(self, row: Conversation, scan: Scan) -> None:
        self.row, self._scan = row, scan

    @cached_property
    def shingles(self) -> frozenset[int]:
        return shingles(self.row)

    @cached_property
    def scanned(self) -> Scanned:
        return self._scan(conservation.said(self.row.messages))

    def scan(self, child: Conversation) -> Scanned:
        turns = conservation.said(child.messages)
        same = turns == conservation.said(self.row.messages)
        return self.scanned if same else self._scan(turns)


def shingles(row: Conversation) -> frozenset[int]:
    """Return the word 3-grams of all turns."""
    return grams.shingles("\n".join(message.content for message in row.messages))


def _attempts(
    parent: _Parent, strategy: str, drafts: Sequence[Draft], recipe: Recipe
) -> list[Attempt]:
    """Judge the drafts of one strategy; of twins both stay or none."""
    if not drafts:
        return [Attempt(parent.row, strategy, None, "not_suited")]
    pair = None
    if len(drafts) > 1:
        pair = digest.sha256_value([recipe.seed, parent.row.id, "pair"])[:_PAIR_HEX]
    children = [_named(draft, parent.row, strategy, recipe.seed, pair) for draft in drafts]
    if pair is not None:
        _check_twins(parent.row, *children)
    made = [_judged(parent, strategy, child, recipe.max_parent_similarity) for child in children]
    if all(attempt.child is not None for attempt in made):
        return made
    return [
        attempt if attempt.exit else attempt._replace(child=None, exit="twin_lost")
        for attempt in made
    ]


def _judged(parent: _Parent, strategy: str, child: Conversation, limit: float) -> Attempt:
    check_conserved(parent.row, child)
    similarity = grams.similarity(parent.shingles, shingles(child))
    if similarity > limit:
        return Attempt(parent.row, strategy, None, "near_parent", similarity)
    before, after = parent.scanned, parent.scan(child)
    if conservation.milder(before, after):
        return Attempt(parent.row, strategy, None, "severity_lost", similarity, before, after)
    return Attempt(parent.row, strategy, child, "", similarity, before, after)


def _check_twins(parent: Conversation, first: Conversation, second: Conversation) -> None:
    if not demographic_diversity.differ_in_background_alone(parent, first, second):
        raise LineageError(
            f"augment: twins {first.id} and {second.id} of {parent.id} differ in more than the "
            "client's background. Mend the strategy; a counterfactual changes one thing."
        )


def _chosen(parent: str, recipe: Recipe) -> list[tuple[str, random.Random]]:
    """Draw the strategies of a parent, each with the generator that its draft goes on with."""
    drawn = []
    for name in STRATEGIES:
        source = bytes.fromhex(digest.sha256_value([recipe.seed, parent, name]))
        generator = random.Random(source)  # noqa: S311 - a reproducible choice, no secret
        draw = generator.random()
        if draw < recipe.probabilities[name]:
            drawn.append((draw, name, generator))
    return [(name, generator) for _, name, generator in sorted(drawn)]


def _named(
    made: Draft, parent: Conversation, strategy: str, seed: int, pair: str | None
) -> Conversation:
    source = f"augment/{strategy}"
    return msgspec.structs.replace(
        made.conversation,
        id=identity.content_id(source, made.conversation.messages),
        source=source,
        parent=parent.id,
        operation=Operation(strategy, _STRATEGIES[strategy].version, seed, made.edits, pair),
        filter=None,
    )
