"""The name tagger and its fit."""

import pytest

from caretune.safety import name_fit, tagger
from caretune.safety.name_fit import Message
from caretune.safety.names import Lexicon, Named
from caretune.safety.normalise import normalise
from caretune.safety.tagger import Tagger

_LEXICON = Lexicon(frozenset({"tomas"}), frozenset({"april"}), frozenset({"budget"}))


def _named(value, before="", after=""):
    return Named("name_capital", 0, len(value), value, before, after)


def test_the_word_itself_is_no_feature():
    """Two unseen names of one shape and ending are judged alike."""
    first = tagger.features(_named("Thandeka", "I told ", " that"), _LEXICON)
    assert first == tagger.features(_named("Mireka", "I told ", " that"), _LEXICON)


@pytest.mark.parametrize(
    ("named", "feature"),
    [
        pytest.param(_named("Thandeka", "I told "), "led meets", id="spoken to"),
        pytest.param(_named("Thandeka", "", " rang me"), "follows acts", id="acts"),
        pytest.param(_named("Thandeka", "in "), "led places", id="a place"),
        pytest.param(_named("Tomas"), "rare given title", id="given name"),
        pytest.param(_named("April"), "rare known title", id="known word"),
        pytest.param(_named("Budget"), "common other title", id="common word"),
        pytest.param(_named("Thandeka", "", " and his dog"), "person True", id="pronoun"),
    ],
)
def test_features_tell_what_stands_around(named, feature):
    """Neighbours count by their kind."""
    assert feature in tagger.features(named, _LEXICON)


def test_a_score_is_a_probability():
    """Without weights it is that of the offset, and a weight moves it."""
    named = _named("Thandeka", "I told ")
    assert Tagger({}, 0.0).score(named, _LEXICON) == 0.5
    assert Tagger({"led meets": 4.0}, 0.0).score(named, _LEXICON) > 0.95


def _messages():
    name, other = ["led meets", "case title"], ["led places", "case title"]
    marked = [Message([name, other], [0, -1], 1) for _ in range(10)]
    return [*marked, *(Message([other], [-1], None) for _ in range(10))]


def test_a_fit_finds_what_tells_names():
    """The feature of the names gets the higher weight; equal messages give equal taggers."""
    fitted = name_fit.fit(_messages())
    assert fitted.weights["led meets"] > 0 > fitted.weights["led places"]
    assert fitted == name_fit.fit(_messages())


def test_held_out_figures_count_names_without_a_candidate():
    """A name that no pattern offers is missed."""
    figures = name_fit.held_out([*_messages(), Message([], [], 10)], [], folds=2)
    assert (figures.recall.value, figures.recall.n) == (0.5, 20)
    assert figures.precision.value == 1.0


def test_a_candidate_is_a_name_when_it_covers_half_of_one():
    """Half of the marked letters are enough, fewer are not."""
    view = normalise("Orla Finn here").plain
    found = [_named("Orla Finn")._replace(end=9), _named("Or")._replace(end=2)]
    assert name_fit.message([(0, 9)], view, found, _LEXICON).names == [0, -1]
    assert name_fit.message(None, view, found, _LEXICON).total is None
