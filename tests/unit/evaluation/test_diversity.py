"""distinct-n: exactly the definition, spread over the replies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caretune.evaluation import diversity

WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), max_size=6).map(" ".join)


def parts(n, replies):
    """Compute numerators and denominators of replies, None where a conversation got none."""
    definition, columns = diversity.distinct(n), diversity.columns(replies, n)
    return [np.array(columns[c], float) for c in (definition.numerator, definition.denominator)]


@pytest.mark.parametrize(
    ("n", "expected"),
    [pytest.param(1, 4 / 7, id="4 words of 7"), pytest.param(2, 3 / 5, id="3 pairs of 5")],
)
def test_the_value_is_distinct_over_all(n, expected):
    """Of "I hear you" and "I hear. You? Thanks" the words and pairs are counted by hand."""
    shared, counted = parts(n, ["I hear you", "i hear. You? Thanks"])
    assert shared.sum() / counted.sum() == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(replies=st.lists(WORDS, min_size=1, max_size=6), n=st.integers(1, 3))
def test_the_shares_sum_to_the_distinct_ngrams(replies, n):
    """Whatever is said, the credits of the replies add up to the number of distinct n-grams."""
    shared, counted = parts(n, replies)
    grams = [tuple(r.split()[i : i + n]) for r in replies for i in range(len(r.split()) - n + 1)]
    assert np.nansum(shared) == pytest.approx(len(set(grams)))
    assert counted.sum() == len(grams)


def test_one_reply_to_everybody_is_near_zero():
    """Fifty times the same five words are five of 250."""
    shared, counted = parts(1, ["that must be so hard"] * 50)
    assert shared.sum() / counted.sum() == pytest.approx(5 / 250)


def test_a_reply_without_ngrams_is_unscored():
    """One word has no pair: unscored; a conversation that was not answered does not apply."""
    shared, counted = parts(2, ["yes", None])
    assert np.isnan(shared[0])
    assert shared[1] == counted[1] == 0.0
