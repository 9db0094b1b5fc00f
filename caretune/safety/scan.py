"""The single place where patterns meet text: every match of every pattern, with its span.

Python's `re`, one search per pattern that can match at all (prefilter.py); each expression is bounded below `MAX_MATCH` characters, so
that a stream may be scanned through a window and another engine may take this module's place.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from caretune.errors import FilterError
from caretune.safety import prefilter
from caretune.safety.patterns import Pattern

MAX_MATCH = 128
"""No pattern can match this many characters or more."""

_MAX_HITS = 32


class Hit(NamedTuple):
    """One match of a pattern in the scanned view (end exclusive)."""

    pattern: Pattern
    start: int
    end: int
    match: re.Match[str]


class Scanner:
    """Compiled patterns, in the order given."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        compiled = [(pattern, _compile(pattern)) for pattern in patterns]
        self._compiled = [
            (p, expression, prefilter.needed(expression)) for p, expression in compiled
        ]

    def scan(self, text: str) -> list[Hit]:
        """Return the matches of all patterns, by pattern and position; at most 32 a pattern."""
        hits: list[Hit] = []
        found = prefilter.pieces(text)
        for pattern, expression, needed in self._compiled:
            if needed is not None and needed.isdisjoint(found):
                continue
            for number, match in enumerate(expression.finditer(text)):
                if number == _MAX_HITS:
                    break
                hits.append(Hit(pattern, match.start(), match.end(), match))
        return hits


def _compile(pattern: Pattern) -> re.Pattern[str]:
    try:
        return pattern.compile()
    except re.error as error:
        raise FilterError(
            f"pattern {pattern.name} of {pattern.family} is no regular expression: {error}."
        ) from None
