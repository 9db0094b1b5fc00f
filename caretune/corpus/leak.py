"""The leak proof: how close the closest two rows of different splits are.

It does not trust the families: it searches again, with permutations of its own.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from caretune.corpus import families, minhash
from caretune.corpus.families import Likeness, Search, Views
from caretune.corpus.rows import Rows
from caretune.errors import LineageError


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
    band: int
    threshold: float
    found_rate: float


def prove(
    rows: Rows,
    family: Mapping[str, str | None],
    split: Mapping[str, str | None],
    *,
    threshold: float,
    search: Search,
    seen: Callable[[int], object] = lambda _: None,
) -> LeakProof:
    """Return the leak proof of rows that have a family and a split.

    Args:
        rows: The rows of all splits.
        family: Row id -> family.
        split: Row id -> split.
        threshold: Similarity (0..1) from which rows count as near-duplicates.
        search: How near-duplicates are looked for, with other permutations than the families were.
        seen: Told how many rows more are done.

    Raises:
        LineageError: A row has no family or no split.
    """
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for name, own in family.items():
        placed = split.get(name)
        if own is None or placed is None:
            raise LineageError(f"row {name}: has no family or no split, so no leak can be seen")
        splits[own].add(placed)
    found = families.views(rows, search, seen)
    return LeakProof(
        families_shared=sum(len(names) > 1 for names in splits.values()),
        worst=_worst(rows, found, [str(split[name]) for name in found.ids], search),
        method=(
            "Jaccard of word 3-grams over all words and over the client's words; exact for each "
            f"candidate of MinHash in bands of {search.band}"
        ),
        permutations=search.permutations,
        band=search.band,
        threshold=threshold,
        found_rate=round(minhash.found_rate(threshold, search.permutations, search.band), 6),
    )


def _worst(rows: Rows, found: Views, splits: list[str], search: Search) -> Pair:
    home = np.array(splits)[found.row]
    if equal := _equal(found, home):
        return _pair(1.0, equal, found, splits)

    likeness, checked = Likeness(rows, found), set()
    best, worst = 0.0, Pair(0.0, [], [])
    for pairs in minhash.candidates(found.signed, search.band, home.__getitem__):
        for at in np.argsort(-pairs.estimate, kind="stable").tolist():
            if pairs.estimate[at] < minhash.least_estimate(best, search.permutations):
                break
            pair = int(pairs.first[at]), int(pairs.second[at])
            if pair not in checked:
                checked.add(pair)
                if (like := likeness.of(*pair)) > best:
                    best, worst = like, _pair(like, pair, found, splits)
    return worst


def _equal(found: Views, home: NDArray[np.str_]) -> tuple[int, int] | None:
    """Return two views of the same words in different splits."""
    order = np.argsort(found.name, kind="stable")
    one, two = order[:-1], order[1:]
    same = (found.name[one] == found.name[two]) & (home[one] != home[two])
    at = np.flatnonzero(same)
    return (int(one[at[0]]), int(two[at[0]])) if len(at) else None


def _pair(similarity: float, views: tuple[int, int], found: Views, splits: list[str]) -> Pair:
    at = [int(found.row[view]) for view in views]
    return Pair(round(similarity, 6), [found.ids[n] for n in at], [splits[n] for n in at])
