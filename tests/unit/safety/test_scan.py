"""The scanner, and the prefilter that it relies on."""

from pathlib import Path

import pytest

from caretune.errors import FilterError
from caretune.safety import patterns, prefilter
from caretune.safety.patterns import Pattern
from caretune.safety.scan import Scanner

_FOLDER = Path(__file__).parents[3] / "caretune/safety/patterns"


def _pattern(expression):
    return Pattern("probe", "crisis", "t", "c", 1, expression, "own")


def test_every_match_of_every_pattern_is_found():
    """Overlapping patterns and repeated matches are all reported, with their spans."""
    scanner = Scanner([_pattern("kill(?:ing)?"), _pattern("killing me")])
    found = [(hit.start, hit.end) for hit in scanner.scan("killing me, kill")]
    assert found == [(0, 7), (12, 16), (0, 10)]


def test_a_broken_expression_is_named():
    """The error says which pattern is no regular expression."""
    with pytest.raises(FilterError, match="pattern probe of crisis is no regular expression"):
        Scanner([_pattern("(")])


def test_prefilter_never_hides_a_match(trained_filters, labelled_rows):
    """Over all examples and a sample of messages, no searched match lacks a needed piece."""
    found = patterns.load(_FOLDER)
    texts = [text for pattern in found for text in pattern.matches]
    texts += [row.text for row in labelled_rows[::9]]
    pieces = [(text, prefilter.pieces(text)) for text in texts]
    for pattern in found:
        expression = pattern.compile()
        needed = prefilter.needed(expression)
        hidden = [
            text
            for text, has in pieces
            if needed is not None and needed.isdisjoint(has) and expression.search(text)
        ]
        assert not hidden, pattern.name


def test_prefilter_needs_a_piece_of_each_branch():
    """Optional parts and classes do not count; each branch gives one piece."""
    expression = _pattern(r"\b(?:very )?(?:kill|hurt)(?:ing)? \w+").compile()
    assert prefilter.needed(expression) is not None
    assert not prefilter.needed(expression).isdisjoint(prefilter.pieces("i hurt him"))
    assert prefilter.needed(expression).isdisjoint(prefilter.pieces("a very calm day"))


def test_an_expression_without_letters_is_always_searched():
    """Digits alone need nothing."""
    assert prefilter.needed(_pattern(r"\d{3}-\d{2}").compile()) is None
