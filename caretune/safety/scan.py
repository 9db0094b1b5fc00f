"""The single place where patterns meet text: every match of every pattern, with its span.

One compiled RE2 filter (one pass for the literals that patterns need, then an automaton each for the
few left) says which patterns can match at all, in about 25 microseconds a message. Of these RE2 says
where a match can start, five times as fast as `re` looks for it, and Python's `re` finds the span
there. What RE2 lacks (lookarounds, back-references) is widened for the filter, so that it
never hides a match and the answer is that of `re` alone (docs/decisions/0003).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import re2
from re2 import _re2

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
        options = re2.Options()
        options.never_capture = True
        options.max_mem = _MAX_MEMORY
        self._filter = re2.Filter()
        self._compiled = []
        for pattern in patterns:
            expression = _compile(pattern)
            wide = widened(expression.pattern, ascii_only=not pattern.case_sensitive)
            self._filter.Add(wide, options)
            starts = None if pattern.case_sensitive else _Starts(wide, options)
            self._compiled.append((pattern, expression, starts))
        self._filter.Compile()

    def scan(self, text: str) -> list[Hit]:
        """Return the matches of all patterns, by pattern and position."""
        hits: list[Hit] = []
        encoded = text.encode("utf-8", "replace")
        for index in sorted(self._filter.Match(encoded) or ()):
            pattern, expression, starts = self._compiled[index]
            # In ASCII, as the folded view is, a byte is a character: RE2's places are those of `re`.
            if starts is not None and text.isascii():
                found = starts.matches(expression, text, encoded)
            else:
                found = expression.finditer(text)
            most = _MAX_MODIFIERS if pattern.family == "modifiers" else None
            hits += [
                Hit(pattern, match.start(), match.end(), match) for match in islice(found, most)
            ]
        return hits


class _Starts:
    """Where an expression of the folded view can start to match, by RE2.

    The package's own `search` makes an object of each match, which costs as much as it saves; so what
    it calls is called. Over the plain view, where one pattern matches every capital, nothing is saved.
    """

    def __init__(self, wide: str, options: re2.Options) -> None:
        self._search = _re2.RE2(wide.encode(), options).Match

    def matches(
        self, expression: re.Pattern[str], text: str, encoded: bytes
    ) -> Iterator[re.Match[str]]:
        """Yield what `expression.finditer` does over an ASCII text."""
        position, end = 0, len(encoded)
        while True:
            start = self._search(_re2.RE2.Anchor.UNANCHORED, encoded, position, end)[0][0]
            if start < 0:
                return
            match = expression.match(text, start)
            if match is not None:
                yield match
            position = start + 1 if match is None else max(match.end(), start + 1)


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
