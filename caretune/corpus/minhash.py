"""MinHash: which of many sets are likely to be similar, without comparing each with each.

Signatures after Broder, "On the resemblance and containment of documents" (1997), with the linear
permutations a * x + b modulo 2**32, a odd (Bohman, Cooper and Frieze, "Min-wise independent linear
permutations", 2000); bands after Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd
_PAIRS_AT_ONCE = 1 << 15  # two gathered signatures of 128 permutations: 32 MiB


class Pairs(NamedTuple):
    """Candidate pairs as parallel arrays `(pairs,)`; a pair may come again from another band.

    `estimate` is the share of agreeing permutations: 1.0 = most likely equal, 0.0 = disjoint.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    estimate: NDArray[np.float64]


def signatures(
    sets: Iterable[NDArray[np.uint64]], permutations: int, label: str
) -> NDArray[np.uint32]:
    """Return one signature a set of hashes, `(sets, permutations)`; the label is the seed.

    Only the low 32 bits of a hash count. No set may be empty.
    """
    drawn = np.frombuffer(hashlib.shake_256(label.encode()).digest(8 * permutations), "<u4")
    factor, shift = drawn[:permutations] | np.uint32(1), drawn[permutations:]
    signed = [  # (items, permutations) -> (permutations,)
        (items.astype(np.uint32)[:, None] * factor + shift).min(axis=0) for items in sets
    ]
    return np.array(signed, dtype=np.uint32).reshape(-1, permutations)


def slack(permutations: int) -> float:
    """Return four standard errors of an estimate at its most uncertain, 4 * sqrt(0.25 / n)."""
    return 2.0 / math.sqrt(permutations)


def found_rate(similarity: float, permutations: int, band: int) -> float:
    """Return the probability (0..1) that a pair of this similarity is a candidate."""
    bands = permutations // band
    return 1.0 - math.pow(1.0 - math.pow(similarity, band), bands)


def candidates(signed: NDArray[np.uint32], band: int) -> Iterator[Pairs]:
    """Yield the pairs that agree on all permutations of at least one band.

    Args:
        signed: Signatures `(sets, permutations)`.
        band: Permutations a band; more give fewer candidates and miss more (see `found_rate`).
    """
    for start in range(0, signed.shape[1] - band + 1, band):
        key = np.zeros(len(signed), dtype=np.uint64)
        for column in range(start, start + band):
            key = (key ^ signed[:, column]) * _MIX
        for first, second in _equal(key):
            for at in range(0, len(first), _PAIRS_AT_ONCE):
                one, two = first[at : at + _PAIRS_AT_ONCE], second[at : at + _PAIRS_AT_ONCE]
                yield Pairs(one, two, (signed[one] == signed[two]).mean(axis=1))


def _equal(key: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield all pairs of positions with equal keys, each pair once, the smaller position first."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    at = np.arange(len(key))
    for distance in range(1, len(key)):
        at = at[at + distance < len(key)]
        at = at[ranked[at] == ranked[at + distance]]
        if not len(at):
            return
        yield order[at], order[at + distance]
