"""MinHash finds likely pairs."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from caretune.corpus import minhash
from caretune.corpus.minhash import Permutations

_SIGNED = st.integers(1, 40).flatmap(
    lambda sets: st.tuples(
        arrays.arrays(np.uint16, (sets, 6), elements=st.integers(0, 2)),
        arrays.arrays(np.int64, sets, elements=st.integers(0, 3)),
    )
)


def apart(positions):
    """Give each set a group of its own."""
    return positions


def pair_of(similarity: float, size: int, start: int) -> list[np.ndarray]:
    """Two sets of `size` random hashes with exactly this Jaccard similarity."""
    shared = round(2 * size * similarity / (1 + similarity))
    hashes = np.random.default_rng(start).integers(0, 2**32, 2 * size, dtype=np.uint32)
    return [hashes[:size], np.concatenate([hashes[:shared], hashes[size : 2 * size - shared]])]


def sign(sets: list[np.ndarray], count: int, label: str) -> np.ndarray:
    """Sign some sets with the same permutations."""
    permutations = Permutations(count, label)
    return np.array([permutations.sign(items) for items in sets])


def found_in(signed: np.ndarray, band: int, group=apart) -> list[tuple[int, int]]:
    """List the candidate pairs, as often as they come."""
    return [
        pair
        for pairs in minhash.candidates(signed, band, group)
        for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    ]


@pytest.mark.parametrize("similarity", [0.1, 0.3, 0.6, 0.9])
def test_estimates_are_unbiased(similarity):
    """Over 100 pairs the mean share of agreeing permutations is the Jaccard similarity."""
    agreeing = []
    for start in range(100):
        one, two = sign(pair_of(similarity, 200, start), 128, f"seed {start}")
        agreeing.append((one == two).mean())
    # Four standard errors of the mean of 100 * 128 draws, and what rounding the sets costs.
    assert np.mean(agreeing) == pytest.approx(similarity, abs=0.02)


def test_sixteen_bits_of_a_minimum_are_enough():
    """Of two disjoint sets hardly a permutation agrees: once in 65,536 by chance."""
    signed = [sign(pair_of(0.0, 200, start), 128, "any") for start in range(50)]
    assert signed[0].dtype == np.uint16
    assert sum(int((one == two).sum()) for one, two in signed) <= 3


def test_candidates_are_found_as_often_as_the_formula_says():
    """Of 300 pairs at 0.2, bands of two find the share that `found_rate` gives, within 4 sigma."""
    sets = [half for start in range(300) for half in pair_of(0.2, 150, start)]
    found = set(found_in(sign(sets, 64, "any"), 2))
    hits = sum((2 * number, 2 * number + 1) in found for number in range(300))
    expected = minhash.found_rate(0.2, 64, 2)
    sigma = (expected * (1 - expected) / 300) ** 0.5
    assert hits / 300 == pytest.approx(expected, abs=4 * sigma)


def test_hardly_a_pair_falls_below_the_least_estimate():
    """Of 400 pairs at 0.3 more than 97 in 100 agree on as many permutations as that."""
    least = minhash.least_estimate(0.3, 128)
    assert 0.19 < least < 0.3
    signed = [sign(pair_of(0.3, 200, start), 128, f"seed {start}") for start in range(400)]
    reached = sum(float((one == two).mean()) >= least for one, two in signed)
    assert reached > 0.97 * 400


def test_equal_sets_are_candidates_with_estimate_one():
    """Three equal sets make three pairs in every band, each with its smaller position first."""
    items = np.arange(50, dtype=np.uint32)
    signed = sign([items, items[::-1], items], 16, "any")
    assert sorted(found_in(signed, 4)) == sorted([(0, 1), (0, 2), (1, 2)] * 4)
    bands = list(minhash.candidates(signed, 4, apart))
    assert all((band.estimate == 1.0).all() for band in bands)


@given(_SIGNED, st.sampled_from([1, 2, 3, 4]))
def test_each_pair_of_unlike_groups_is_found_once_a_band(drawn, band):
    """The pairs are those that a look at every pair finds, no more and none twice."""
    signed, groups = drawn
    expected = [
        (one, two)
        for start in range(0, 6 - band + 1, band)
        for one, two in combinations(range(len(signed)), 2)
        if groups[one] != groups[two]
        and (signed[one, start : start + band] == signed[two, start : start + band]).all()
    ]
    assert sorted(found_in(signed, band, groups.__getitem__)) == sorted(expected)


@given(_SIGNED)
def test_groups_that_are_joined_on_the_way_miss_no_link(drawn):
    """Who joins each pair as it comes ends with the groups that all pairs together make."""
    signed, _ = drawn
    joined = np.arange(len(signed))
    for pairs in minhash.candidates(signed, 2, lambda at: joined[at]):
        for one, two in zip(pairs.first, pairs.second, strict=True):
            joined[joined == joined[two]] = joined[one]
    linked = np.arange(len(signed))
    for one, two in found_in(signed, 2):
        linked[linked == linked[two]] = linked[one]
    assert (np.equal.outer(joined, joined) == np.equal.outer(linked, linked)).all()


def test_a_group_of_equals_is_not_gone_through_pair_by_pair():
    """4,000 equal sets of two bands that are joined as they come are 3,999 pairs to be compared."""
    signed = np.zeros((4000, 8), np.uint16)
    joined = np.arange(4000)
    looked = 0
    for pairs in minhash.candidates(signed, 2, lambda at: joined[at]):
        looked += len(pairs.first)
        joined[:] = 0
    assert looked == 3999


def test_pairs_come_piece_by_piece(monkeypatch):
    """However many pairs there are, no more than so many signatures are gathered at once."""
    monkeypatch.setattr(minhash, "_PAIRS_AT_ONCE", 7)
    signed = np.zeros((40, 4), np.uint16)
    pieces = [len(pairs.first) for pairs in minhash.candidates(signed, 4, apart)]
    assert max(pieces) == 7
    assert sum(pieces) == 40 * 39 / 2


def test_the_label_alone_decides_the_permutations():
    """The same label gives the same signature, another label another."""
    items = [np.arange(50, dtype=np.uint32)]
    one, again, other = (sign(items, 16, label) for label in ("a", "a", "b"))
    assert (one == again).all()
    assert (one != other).any()


def test_no_sets_have_no_pairs():
    """Nothing in, nothing out."""
    assert found_in(np.zeros((0, 16), np.uint16), 4) == []
    assert found_in(np.zeros((1, 16), np.uint16), 4) == []
