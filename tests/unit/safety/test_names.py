"""Candidates of names."""

from pathlib import Path

import pytest

from caretune.safety import names, patterns
from caretune.safety.names import Lexicon
from caretune.safety.scan import Scanner

_FOLDER = Path(__file__).parents[3] / "caretune/safety/patterns"
_LEXICON = Lexicon(
    given=frozenset({"joy", "tomas"}),
    known=frozenset({"monday", "paris", "rogers", "dob"}),
    common=frozenset(
        {
            "when",
            "the",
            "i",
            "saw",
            "with",
            "and",
            "went",
            "home",
            "joy",
            "uncle",
            "my",
            "sister",
            "was",
            "called",
        }
    ),
)


@pytest.fixture(scope="module")
def scanner():
    """Return the scanner of personal data."""
    return Scanner(p for p in patterns.load(_FOLDER) if p.family == "pii")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("When Thandeka went home", ["Thandeka"], id="ordinary word cut off"),
        pytest.param("I saw Orla Finn-Reyes", ["Orla Finn-Reyes"], id="two words"),
        pytest.param("Thandeka's Monday", ["Thandeka"], id="possessive"),
        pytest.param("When Joy went", ["Joy"], id="a word that is a name too"),
        pytest.param("The Monday", [], id="nothing left"),
        pytest.param("I saw Paris", [], id="place"),
        pytest.param("SHOUTING WENT", [], id="shouted"),
        pytest.param("i saw kwabena osei-tutu", ["kwabena osei-tutu"], id="no capitals"),
        pytest.param("I saw kwabena", [], id="lower case of who writes capitals"),
        pytest.param("my sister Monday went", ["Monday"], id="introduced"),
        pytest.param("I saw J. Abernethy", ["J. Abernethy"], id="initial"),
        pytest.param("I saw Orla I'm", ["Orla"], id="speech behind a name"),
        pytest.param("my sister I'm", [], id="speech behind a word that introduces"),
        pytest.param("NAME: JOHN SMITH DOB", ["JOHN SMITH"], id="capitals on a form"),
        pytest.param("NAME: WENT HOME", [], id="shouted on a form"),
        pytest.param("JOHN SMITH went", [], id="capitals elsewhere"),
        pytest.param("I saw Carl Rogers", [], id="famous"),
        pytest.param("my sister Carl Rogers", [], id="famous and introduced"),
        pytest.param("I saw Carl Rogers Thandeka", ["Thandeka"], id="behind a famous name"),
        pytest.param("I saw Carl Finn", ["Carl Finn"], id="half a famous name"),
    ],
)
def test_candidates_of_names(scanner, text, found):
    """Ordinary words go, what is introduced or rare stays."""
    assert [named.value for named in names.find(text, scanner.scan(text), _LEXICON)] == found


@pytest.mark.parametrize("text", ["my angel-joy went", "my joy-angel-joy went", "my joy- went"])
def test_a_rare_word_far_behind_changes_no_candidate_before_it(text):
    """Everyday parts of a word with a hyphen are no everyday word, whatever else the text holds."""
    lexicon = Lexicon(_LEXICON.given, _LEXICON.known, _LEXICON.common | {"angel"})
    alone = [named.value for named in names.find(text, [], lexicon)]
    assert [named.value for named in names.find(f"{text} zyxola", [], lexicon)][:-1] == alone
    assert ("angel-joy" in alone) is ("my angel-joy" in text)


def test_a_candidate_knows_its_place(scanner):
    """Start and end are those of the value, the text on either side is cut at 40 characters."""
    text = "when " * 20 + "Thandeka" + " went" * 20
    (named,) = names.find("I " + text, scanner.scan("I " + text), _LEXICON)
    assert ("I " + text)[named.start : named.end] == "Thandeka"
    assert (len(named.before), len(named.after)) == (names.NEAR, names.NEAR)


def test_words_are_listed_in_their_order():
    """What is written does not depend on how a set lies in memory."""
    assert _LEXICON.listed()["known"] == ["dob", "monday", "paris", "rogers"]
