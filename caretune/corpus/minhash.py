"""MinHash: which of many sets are likely to be similar, without comparing each with each.

Signatures after Broder, "On the resemblance and containment of documents" (1997), with the linear
permutations a * x + b modulo 2**32, a odd (Bohman, Cooper and Frieze, "Min-wise independent linear
permutations", 2000); bands after Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4.
Of each minimum the low 16 bits are kept: two unlike minima agree by chance once in 65,536.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEW = 8  # sets of one bucket: fewer are gone through one by one
_PAIRS_AT_ONCE = 1 << 15  # two gathered signatures of 128 permutations: 16 MiB


class Pairs(NamedTuple):
    """Candidate pairs as parallel arrays `(pairs,)`, the smaller position first.

    A pair may come again from another band. `estimate` is the share of agreeing permutations: 1.0 =
    most likely equal, 0.0 = disjoint.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    estimate: NDArray[np.float64]


class Permutations:
    """Random permutations of 32-bit hashes.

    Args:
        count: How many.
        label: The seed.
    """

    def __init__(self, count: int, label: str) -> None:
        self.count = count
        drawn = np.frombuffer(hashlib.shake_256(label.encode()).digest(8 * count), "<u4")
        self._factor, self._shift = drawn[:count] | np.uint32(1), drawn[count:]

    def sign(self, items: NDArray[np.uint32]) -> NDArray[np.uint16]:
        """Return the signature of a set that is not empty: `(items,) -> (permutations,)`."""
        permuted = items[:, None] * self._factor  # (items, permutations)
        permuted += self._shift
        least: NDArray[np.uint16] = permuted.min(axis=0).astype(np.uint16)
        return least


def least_estimate(similarity: float, permutations: int) -> float:
    """Return the estimate that 99.4 % of pairs of this similarity reach: 2.5 standard errors less."""
    return similarity - 2.5 * math.sqrt(similarity * (1.0 - similarity) / permutations)


def found_rate(similarity: float, permutations: int, band: int) -> float:
    """Return the probability (0..1) that a pair of this similarity is a candidate."""
    bands = permutations // band
    return 1.0 - math.pow(1.0 - math.pow(similarity, band), bands)


def candidates(
    signed: NDArray[np.uint16],
    band: int,
    group: Callable[[NDArray[np.int64]], NDArray[Any]],
) -> Iterator[Pairs]:
    """Yield the pairs of unlike groups that agree on all permutations of at least one band.

    Args:
        signed: Signatures `(sets, permutations)`.
        band: Permutations a band, at most 4; more give fewer candidates and miss more (`found_rate`).
        group: Tells the groups of some positions as they are by now. Pairs within a group are passed
            over without a look at each; groups may be joined between two pairs, never divided.
    """
    for start in range(0, signed.shape[1] - band + 1, band):
        key = np.zeros(len(signed), dtype=np.uint64)
        for column in range(start, start + band):
            key = (key << np.uint64(16)) | signed[:, column]
        for first, second in _equal(key, group):
            for at in range(0, len(first), _PAIRS_AT_ONCE):
                some, others = first[at : at + _PAIRS_AT_ONCE], second[at : at + _PAIRS_AT_ONCE]
                same = np.packbits(signed[some] == signed[others], axis=1)
                agreeing = np.bitwise_count(same).sum(axis=1) / signed.shape[1]
                yield Pairs(np.minimum(some, others), np.maximum(some, others), agreeing)


def _equal(
    key: NDArray[np.uint64], group: Callable[[NDArray[np.int64]], NDArray[Any]]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield all pairs of positions with equal keys and unlike groups, each pair once.

    Every position has a partner that moves on one by one, and in long buckets past a whole run of its
    own group at once: of 10,000 rows that are one family, 90,000 pairs are looked at, not 50 million.
    """
    order = np.argsort(key)
    key = key[order]
    one = np.flatnonzero(key[1:] == key[:-1])
    two = one + 1
    ends = order  # until runs are long
    for step in count(1):
        inside = two < len(key)
        one, two = one[inside], two[inside]
        same = key[one] == key[two]
        one, two = one[same], two[same]
        if not len(one):
            return
        first, second = order[one], order[two]
        unlike = group(first) != group(second)
        yield first[unlike], second[unlike]
        if step >= _FEW and step.bit_count() == 1:  # seldom: old runs are shorter, never wrong
            ends = _run_ends(key, group(order))
        two = np.where(unlike, two + 1, ends[two]) if step >= _FEW else two + 1


def _run_ends(key: NDArray[np.uint64], groups: NDArray[Any]) -> NDArray[np.int64]:
    """Return, for each position, where the next key or group begins."""
    begins = np.flatnonzero((key[1:] != key[:-1]) | (groups[1:] != groups[:-1])) + 1
    begins = np.append(begins, len(key))
    return begins[np.searchsorted(begins, np.arange(len(key)), side="right")]
