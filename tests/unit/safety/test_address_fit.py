"""The fit of the address tagger."""

from caretune.safety import address_fit, addresses
from caretune.safety.marks import Text
from caretune.safety.names import Lexicon

_LEXICON = Lexicon(frozenset(), frozenset(), frozenset({"i", "live", "at", "took", "pills", "and"}))
_TOWNS = ("Tipton", "Ashdale", "Marlby", "Wexcombe", "Duxley", "Redmarsh")


def _texts():
    lived = [Text(f"I live at 12 Elm Lane, {town} and", [(10, 23 + len(town))]) for town in _TOWNS]
    return [*lived, *(Text(f"I took {n} pills at {n}", []) for n in range(10, 16))]


def _said(text, tagger):
    found = addresses.find(text, _LEXICON, tagger)
    return [text[p.start : p.end] for p in found if p.chance >= addresses.SURE]


def test_a_fit_finds_addresses_that_it_never_saw():
    """Also in lower case and on lines of their own; pills are none; equal texts, equal taggers."""
    tagger = address_fit.fit(_texts(), _LEXICON)
    assert _said("I live at 40 Oak Lane, Oldby and", tagger) == ["40 Oak Lane, Oldby"]
    assert _said("i live at 40 oak lane, oldby and", tagger) == ["40 oak lane, oldby"]
    assert _said("40 Oak Lane\nOldby", tagger) == ["40 Oak Lane\nOldby"]
    assert _said("I took 17 pills at 18", tagger) == []
    assert tagger == address_fit.fit(_texts(), _LEXICON)


def test_held_out_figures_are_of_texts_that_were_not_seen():
    """Found where the others teach it; an address far from every cue is missed, and counts."""
    figures = address_fit.held_out(_texts(), [], _LEXICON, folds=6)
    assert (figures.recall.value, figures.precision.value) == (1.0, 1.0)
    hidden = Text("I live at Rathmoyle and", [(10, 19)])
    figures = address_fit.held_out([*_texts(), hidden], [], _LEXICON, folds=6)
    assert (figures.recall.value, figures.recall.n) == (0.8571, 7)


def test_texts_that_nobody_marked_teach_and_are_not_counted():
    """They are negatives of every fold."""
    figures = address_fit.held_out([*_texts(), Text("I live at 9 and", None)], [], _LEXICON, 6)
    assert figures.recall.n == len(_TOWNS)
