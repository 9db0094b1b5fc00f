"""Kinds of words, figures and marks."""

import pytest

from caretune.safety import address_words
from caretune.safety.names import Lexicon

_LEXICON = Lexicon(frozenset({"orla"}), frozenset(), frozenset({"lucky"}))


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        pytest.param("Lane", "street", id="street"),
        pytest.param("lane", "street", id="street in lower case"),
        pytest.param("OH", "state upper", id="state"),
        pytest.param("oh", "state small", id="no state"),
        pytest.param("Birkenweg", "ending title", id="street by its ending"),
        pytest.param("Orla", "given title", id="given name"),
        pytest.param("lucky", "everyday small", id="everyday word"),
        pytest.param("Tipton", "rare title", id="rare word"),
        pytest.param("B", "letter title", id="letter"),
        pytest.param("12", "2", id="number"),
        pytest.param("0123", "04", id="leading zero"),
        pytest.param("1234567890", "7", id="long number"),
        pytest.param("SE13", "a9 True", id="code"),
        pytest.param("12b", "9a False", id="house number"),
        pytest.param("4th", "9a th", id="ordinal"),
        pytest.param("555-0100-12", "figures", id="number in parts"),
        pytest.param("\n", "\n", id="line end"),
        pytest.param("€", "mark", id="other mark"),
    ],
)
def test_a_word_has_a_kind(word, kind):
    """Kinds tell shape and use; the word itself is in none."""
    assert address_words.kind(word, _LEXICON) == kind


def test_only_everyday_words_and_listed_ones_count_by_themselves():
    """A street's own name is never a feature."""
    assert [address_words.known(w, _LEXICON) for w in ("lucky", "flat", "tipton")] == [
        True,
        True,
        False,
    ]


def test_numbers_and_words_of_streets_and_houses_tell_an_address():
    """Names of people, towns and countries do not."""
    told = ("12", "4b", "Street", "Flat", "PSC", "Birkenweg", "Rue")
    assert [
        word for word in (*told, "Orla", "Tipton", "Spain", ",") if address_words.tells(word)
    ] == [*told]
