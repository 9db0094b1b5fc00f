"""Where addresses stand."""

import time

import pytest

from caretune.safety import addresses
from caretune.safety.addresses import AddressTagger
from caretune.safety.names import Lexicon

_LEXICON = Lexicon(frozenset(), frozenset(), frozenset({"i", "live", "at", "with", "the", "and"}))
_NONE = [0.0] * addresses.REACH


def _tagger(**weights):
    """Return a tagger whose classes speak for their own word only."""
    return AddressTagger({name: [*_NONE, weight, *_NONE] for name, weight in weights.items()}, -3.0)


_TAGGER = _tagger(**{"2": 5.0, "street": 5.0, "rare title": 5.0, "rare small": 5.0})


def _found(text, tagger=_TAGGER):
    return [text[place.start : place.end] for place in addresses.find(text, _LEXICON, tagger)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("I live at 12 Elm Street with the", ["12 Elm Street"], id="words in a row"),
        pytest.param("at 12 Elm Street, Tipton.", ["12 Elm Street, Tipton"], id="over a mark"),
        pytest.param("at 12 Elm and the and Elm Street", ["12 Elm", "Elm Street"], id="wide gap"),
        pytest.param("at 12 and the and the Orla Finn", ["12"], id="names alone are none"),
        pytest.param("i live at 12 elm street", ["12 elm street"], id="lower case"),
        pytest.param("12 Elm Street\nTipton\n", ["12 Elm Street\nTipton"], id="over lines"),
        pytest.param("Orla\n12 Elm Street", ["12 Elm Street"], id="who is written to"),
        pytest.param("I live with Orla", [], id="no cue"),
        pytest.param("", [], id="empty"),
    ],
)
def test_neighbours_that_are_likely_make_one_address(text, found):
    """Short gaps and line ends are within, marks at the ends and what no cue is near are not."""
    assert _found(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("12 Elm Street kill 12 Elm", ["12 Elm Street", "12 Elm"], id="danger"),
        pytest.param("12 Elm Street i 12 Elm", ["12 Elm Street", "12 Elm"], id="speaker"),
        pytest.param("12 Elm Street ME 12 Elm", ["12 Elm Street ME 12 Elm"], id="state"),
        pytest.param("12 Elm Street with 12 Elm", ["12 Elm Street with 12 Elm"], id="other word"),
        pytest.param("the house on Elm Street", ["Elm Street"], id="word that leads to it"),
    ],
)
def test_an_address_goes_over_no_word_of_danger(text, found):
    """However likely a part of an address such a word is, it ends one."""
    tagger = _tagger(
        **{"2": 5, "street": 5, "rare title": 5, "house": 5, "place small": 5, "=i": 9}
    )
    assert _found(text, tagger) == found


def test_words_far_from_every_cue_are_not_looked_at():
    """A number speaks for the 60 characters around it."""
    assert _found("Orla " + "the " * 20 + "12") == ["12"]


def test_a_class_speaks_for_its_neighbours():
    """A weight at a step reaches the word that many places on."""
    weights = [0.0] * (2 * addresses.REACH + 1)
    weights[addresses.REACH + 1] = 5.0
    (place,) = addresses.find("12 Lane", _LEXICON, AddressTagger({"2": weights}, -3.0))
    assert (place.start, place.end) == (3, 7)
    assert place.chance == pytest.approx(0.88, abs=0.01)


def test_what_is_found_is_settled_before_the_last_words():
    """Whatever follows, finds that end before `unsettled` stay as they are."""
    text = "I live at 12 Elm Street, Tipton. " + "and the " * 20
    settled = addresses.unsettled(text)
    for more in ("", "12 Elm Street", "Tipton 12", "street " * 40):
        found = addresses.find(text + more, _LEXICON, _TAGGER)
        assert [place for place in found if place.end <= settled] == [found[0]]
    assert addresses.unsettled("") == 0


def test_time_is_linear_in_the_length():
    """Eight times the text takes about eight times as long, not 64."""

    def seconds(count):
        text = "12 Elm Street and " * count
        start = time.perf_counter()
        addresses.find(text, _LEXICON, _TAGGER)
        return time.perf_counter() - start

    assert min(seconds(2400) for _ in range(3)) < 24 * min(seconds(300) for _ in range(3))
