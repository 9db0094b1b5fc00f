"""MinHash finds likely pairs."""

import numpy as np
import pytest

from caretune.corpus import minhash


def pair_of(similarity: float, size: int, start: int) -> list[np.ndarray]:
    """Two sets of `size` random hashes with exactly this Jaccard similarity."""
    shared = round(2 * size * similarity / (1 + similarity))
    hashes = np.random.default_rng(start).integers(0, 2**63, 2 * size, dtype=np.uint64)
    return [hashes[:size], np.concatenate([hashes[:shared], hashes[size : 2 * size - shared]])]


@pytest.mark.parametrize("similarity", [0.1, 0.3, 0.6, 0.9])
def test_estimates_are_unbiased(similarity):
    """Over 100 pairs the mean share of agreeing permutations is the Jaccard similarity."""
    agreeing = []
    for start in range(100):
        one, two = minhash.signatures(pair_of(similarity, 200, start), 128, f"seed {start}")
        agreeing.append((one == two).mean())
    # Four standard errors of the mean of 100 * 128 draws, and what rounding the sets costs.
    assert np.mean(agreeing) == pytest.approx(similarity, abs=0.02)


def test_candidates_are_found_as_often_as_the_formula_says():
    """Of 300 pairs at 0.2, bands of two find the share that `found_rate` gives, within 4 sigma."""
    sets = [half for start in range(300) for half in pair_of(0.2, 150, start)]
    signed = minhash.signatures(sets, 64, "any")
    found = {
        pair
        for pairs in minhash.candidates(signed, 2)
        for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    }
    hits = sum((2 * number, 2 * number + 1) in found for number in range(300))
    expected = minhash.found_rate(0.2, 64, 2)
    sigma = (expected * (1 - expected) / 300) ** 0.5
    assert hits / 300 == pytest.approx(expected, abs=4 * sigma)


def test_equal_sets_are_candidates_with_estimate_one():
    """Three equal sets make three pairs in every band, each with its smaller position first."""
    items = np.arange(50, dtype=np.uint64)
    signed = minhash.signatures([items, items[::-1], items], 16, "any")
    bands = list(minhash.candidates(signed, 4))
    pairs = {pair for band in bands for pair in zip(band.first, band.second, strict=True)}
    assert pairs == {(0, 1), (1, 2), (0, 2)}
    assert all((band.estimate == 1.0).all() for band in bands)


def test_the_label_alone_decides_the_permutations():
    """The same label gives the same signature, another label another."""
    items = [np.arange(50, dtype=np.uint64)]
    one, again, other = (minhash.signatures(items, 16, label) for label in ("a", "a", "b"))
    assert (one == again).all()
    assert (one != other).any()


def test_no_sets_have_no_pairs():
    """Nothing in, nothing out."""
    signed = minhash.signatures([], 16, "any")
    assert signed.shape == (0, 16)
    assert list(minhash.candidates(signed, 4)) == []
