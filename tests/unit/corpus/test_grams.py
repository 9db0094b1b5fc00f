"""Words and word 3-grams: what makes texts alike."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caretune.corpus import grams

_ASCII = st.text(st.characters(max_codepoint=127), max_size=60)
_ANY = st.text(
    st.one_of(st.characters(max_codepoint=127), st.sampled_from("\u2019\u2026\u00a0\u00dfÉ\u0130")),
    max_size=60,
)


def by_pattern(text: str) -> list[bytes]:
    r"""Return `\w+` of the case-folded text, typographic marks read as spaces."""
    for mark in "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00a0":
        text = text.replace(mark, " ")
    return [word.encode() for word in re.findall(r"\w+", text.casefold())]


@given(st.one_of(_ASCII, _ANY, st.text(max_size=60)))
@example("can\u2019t\u2014won't_ever 3\x1f4")
@example("STRASSE Stra\u00dfe \u0130")
def test_the_quick_way_finds_the_words_of_the_slow_way(text):
    r"""ASCII text takes a table, other text a pattern: both give `\w+` without case."""
    assert grams.words(text) == by_pattern(text)


def test_case_and_punctuation_do_not_count():
    """A text in capitals, with other marks, has the same words."""
    assert grams.words("I LIE awake \u2026 every night!") == grams.words("i lie awake, every night")


def test_similarity_of_equal_and_of_disjoint_texts():
    """1.0 for the same words whatever case and punctuation, 0.0 for none in common."""
    one = grams.shingles("I lie awake, every night.")
    assert grams.similarity(one, grams.shingles("i lie AWAKE every night")) == 1.0
    assert grams.similarity(one, grams.shingles("you sleep well in the morning")) == 0.0


def test_similarity_is_jaccard_of_word_3_grams():
    """Five words have three 3-grams; with the last word changed, two of four are shared."""
    one, two = grams.shingles("a b c d e"), grams.shingles("a b c d f")
    assert len(one) == 3
    assert grams.similarity(one, two) == 2 / 4


def test_texts_without_words_are_like_nothing():
    """A text of no words has no similarity, not even with itself."""
    assert grams.shingles("... !") == frozenset()
    assert grams.similarity(frozenset(), frozenset()) == 0.0


@pytest.mark.parametrize("text", ["no", "no more"])
def test_fewer_than_three_words_are_one_gram(text):
    """A short text is one gram, and not that of a part of it."""
    assert len(grams.shingles(text)) == 1
    assert not grams.shingles(text) & grams.shingles(text + " then")


def test_the_order_of_words_counts():
    """The same three words in any other order are another gram."""
    orders = ["a b c", "a c b", "b a c", "b c a", "c a b", "c b a"]
    assert len({gram for text in orders for gram in grams.shingles(text)}) == 6


def test_grams_hardly_ever_meet_by_chance():
    """100,000 different grams have as few equal hashes as 32 bits allow: one or two expected."""
    words = grams.hashed([b"word%d" % number for number in range(100_002)])
    assert len(np.unique(grams.grams(words))) > 100_000 - 15


def test_a_full_table_of_hashes_changes_nothing(monkeypatch):
    """The hashes of words seen before are kept up to a number; then anew, with the same values."""
    before = grams.hashed([b"one", b"two"]).tolist()
    monkeypatch.setattr(grams, "_MOST_WORDS", 1)
    assert grams.hashed([b"one", b"two"]).tolist() == before
    assert len(grams._hashes) == 2
