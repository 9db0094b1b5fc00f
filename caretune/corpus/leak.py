"""The leak proof: how close the closest two rows of different splits are.

It does not trust the families: it searches again, with permutations of its own.
"""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from caretune.corpus import families, minhash
from caretune.errors import LineageError
from caretune.records import Conversation


class Pair(msgspec.Struct, frozen=True):
    """Two rows of different splits and their similarity: 1.0 = the same words, 0.0 = none found."""

    similarity: float
    rows: list[str]
    splits: list[str]


class LeakProof(msgspec.Struct, frozen=True):
    """What the search for leaks found.

    `families_shared` must be 0. `found_rate` is the probability that a pair of exactly the
    threshold's similarity is seen; closer pairs are seen more surely.
    """

    families_shared: int
    worst: Pair
    method: str
    permutations: int
    threshold: float
    found_rate: float


def prove(
    rows: Sequence[Conversation], *, threshold: float, permutations: int, seed: int
) -> LeakProof:
    """Return the leak proof of rows that have a family and a split.

    Args:
        rows: The rows of all splits.
        threshold: Similarity (0..1) from which rows count as near-duplicates.
        permutations: MinHash permutations.
        seed: Chooses the permutations, others than those that found the families.

    Raises:
        LineageError: A row has no family or no split.
    """
    homes: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.family is None or row.split is None:
            raise LineageError(f"row {row.id}: has no family or no split, so no leak can be seen")
        homes[row.family].add(row.split)
    return LeakProof(
        families_shared=sum(len(splits) > 1 for splits in homes.values()),
        worst=_worst(rows, permutations, f"leak {seed}"),
        method=(
            "Jaccard of word 3-grams over all words and over the client's words; exact for each "
            f"candidate of MinHash in bands of {families.BAND}"
        ),
        permutations=permutations,
        threshold=threshold,
        found_rate=round(minhash.found_rate(threshold, permutations, families.BAND), 6),
    )


def _worst(rows: Sequence[Conversation], permutations: int, label: str) -> Pair:
    compared = families.views(rows)
    for view in compared:
        first = view.rows[0]
        other = next((row for row in view.rows if row.split != first.split), None)
        if other is not None:
            return _pair(1.0, first, other)
    home = np.array([str(view.rows[0].split) for view in compared])
    signed = minhash.signatures((view.grams for view in compared), permutations, label)
    best, found, checked = 0.0, Pair(0.0, [], []), set()
    for pairs in minhash.candidates(signed, families.BAND):
        crossing = home[pairs.first] != home[pairs.second]
        likely = crossing & (pairs.estimate >= best - minhash.slack(permutations))
        for pair in zip(pairs.first[likely].tolist(), pairs.second[likely].tolist(), strict=True):
            if pair in checked:
                continue
            checked.add(pair)
            one, two = compared[pair[0]], compared[pair[1]]
            if (like := families.likeness(one, two)) > best:
                best, found = like, _pair(like, one.rows[0], two.rows[0])
    return found


def _pair(similarity: float, one: Conversation, two: Conversation) -> Pair:
    return Pair(round(similarity, 6), [one.id, two.id], [str(one.split), str(two.split)])
