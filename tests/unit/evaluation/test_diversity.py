"""distinct-n: exactly the definition, spread over the replies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caretune.evaluation.diversity import Distinct

WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), max_size=6).map(" ".join)


def parts(n, replies, folder):
    """Compute the parts of replies, None where a conversation was not answered."""
    return Distinct(n, folder).parts(
        {"answered": [r is not None for r in replies], "predictions": [r or "" for r in replies]}
    )


@pytest.mark.parametrize(
    ("n", "expected"),
    [pytest.param(1, 4 / 7, id="4 words of 7"), pytest.param(2, 3 / 5, id="3 pairs of 5")],
)
def test_the_value_is_distinct_over_all(tmp_path, n, expected):
    """Of "I hear you" and "I hear. You? Thanks" the words and pairs are counted by hand."""
    found = parts(n, ["I hear you", "i hear. You? Thanks"], tmp_path)
    assert found.numerators.sum() / found.denominators.sum() == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(replies=st.lists(WORDS, min_size=1, max_size=6), n=st.integers(1, 3))
def test_the_shares_sum_to_the_distinct_ngrams(tmp_path_factory, replies, n):
    """Whatever is said, the credits of the replies add up to the number of distinct n-grams."""
    found = parts(n, replies, tmp_path_factory.getbasetemp())
    grams = [tuple(r.split()[i : i + n]) for r in replies for i in range(len(r.split()) - n + 1)]
    assert np.nansum(found.numerators) == pytest.approx(len(set(grams)))
    assert found.denominators.sum() == len(grams)


def test_one_reply_to_everybody_is_near_zero(tmp_path):
    """Fifty times the same five words are five of 250."""
    found = parts(1, ["that must be so hard"] * 50, tmp_path)
    assert found.numerators.sum() / found.denominators.sum() == pytest.approx(5 / 250)


def test_a_reply_without_ngrams_is_unscored(tmp_path):
    """One word has no pair: unscored; a conversation that was not answered does not apply."""
    found = parts(2, ["yes", None], tmp_path)
    assert math.isnan(found.numerators[0])
    assert found.numerators[1] == found.denominators[1] == 0.0
