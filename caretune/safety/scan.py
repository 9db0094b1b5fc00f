"""The single place where patterns meet text: every match of every pattern, with its span.

One compiled RE2 filter (one pass for the literals that patterns need, then an automaton each for the
few left) says which patterns can match at all, in about 25 microseconds a message; Python's `re` then
finds their spans. What RE2 lacks (lookarounds, back-references) is widened for the filter, so that it
never hides a match and the answer is that of `re` alone (docs/decisions/0003).
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import re2

from caretune.errors import FilterError
from caretune.safety.patterns import Pattern

_MAX_MODIFIERS = 32
"""Matches of one modifier that count. Each may meet each sign of risk, so that more would let a long
text take its square in time; what is left out would only have lowered a severity."""
_MAX_MEMORY = 64 << 20
"""Bytes that one pattern's automaton may take; what is not needed is not taken."""
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:=|!|<=|<!)|[()]|[^\\\[()]+", re.DOTALL)
_LOOKAROUNDS = frozenset({"(?=", "(?!", "(?<=", "(?<!"})
_CLASSES = {r"\d": r"\p{Nd}", r"\w": r"\pL\pN_", r"\s": r"\s\pZ"}
_ESCAPE = re.compile(r"\\[dws]")
_ANYTHING = "(?s:.*)"


class Hit(NamedTuple):
    """One match of a pattern in the scanned view (end exclusive)."""

    pattern: Pattern
    start: int
    end: int
    match: re.Match[str]


class Scanner:
    """Compiled patterns, in the order given.

    Raises:
        FilterError: An expression is wrong; the error names the pattern.
    """

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._compiled = [(pattern, _compile(pattern)) for pattern in patterns]
        options = re2.Options()
        options.never_capture = True
        options.max_mem = _MAX_MEMORY
        self._filter = re2.Filter()
        for pattern, expression in self._compiled:
            wide = widened(expression.pattern, ascii_only=not pattern.case_sensitive)
            self._filter.Add(wide, options)
        self._filter.Compile()

    def scan(self, text: str) -> list[Hit]:
        """Return the matches of all patterns, by pattern and position."""
        hits: list[Hit] = []
        for index in sorted(self._filter.Match(text.encode("utf-8", "replace")) or ()):
            pattern, expression = self._compiled[index]
            most = _MAX_MODIFIERS if pattern.family == "modifiers" else None
            matches = islice(expression.finditer(text), most)
            hits += [Hit(pattern, match.start(), match.end(), match) for match in matches]
        return hits


def spoken(patterns: Iterable[Pattern]) -> Scanner:
    """Return the scanner of the folded view: all but personal data."""
    return Scanner(pattern for pattern in patterns if pattern.family != "pii")


def private(patterns: Iterable[Pattern]) -> Scanner:
    """Return the scanner of the plain view: personal data."""
    return Scanner(pattern for pattern in patterns if pattern.family == "pii")


def widened(expression: str, ascii_only: bool) -> str:
    """Return an RE2 expression that matches wherever Python's `expression` does, and at times else.

    RE2's classes and word borders know ASCII only; for other texts the classes are spelled out and the
    borders left away.
    """
    pieces: list[str] = []
    depth, inside = 0, 0
    for part in _TOKEN.findall(expression):
        depth += part.startswith("(") - (part == ")")
        if inside:
            inside = inside if depth >= inside else 0
        elif part in _LOOKAROUNDS:
            inside = depth
        elif part[0] == "\\" and part[1].isdigit():
            pieces.append(_ANYTHING)
        elif ascii_only:
            pieces.append(part)
        elif part in {r"\b", r"\B"}:
            continue
        elif part in _CLASSES:
            pieces.append(f"[{_CLASSES[part]}]")
        elif part[0] == "[":
            pieces.append(_ESCAPE.sub(lambda escape: _CLASSES[escape.group()], part))
        else:
            pieces.append(part)
    return "".join(pieces)


def _compile(pattern: Pattern) -> re.Pattern[str]:
    try:
        return pattern.compile()
    except re.error as error:
        raise FilterError(
            f"pattern {pattern.name} of {pattern.family} is no regular expression: {error}."
        ) from None
