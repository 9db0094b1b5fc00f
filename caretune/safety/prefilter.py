"""Which patterns can match a text at all: each needs one of a few short strings.

From the parsed expression comes a set of strings of which every match holds at least one; a rare
piece of three to six letters of each is kept. A text's own pieces are a set, and two sets are
compared in about a microsecond, where a search costs 20 to 100. An expression without such strings
is always searched.
"""

import re
from re import _constants as op  # type: ignore[attr-defined] # the parser has no public home in 3.11
from re import _parser as parser  # type: ignore[attr-defined] # as above
from typing import Any

_SIZES = (3, 4, 5, 6)
_MAX_STRINGS = 400
_MAX_CLASS = 4
# English letters, commonest first (Norvig 2012, counts over Google Books); digits count as rare.
_COMMONEST = " etaoinsrhldcumfpgwybvkxjqz"

Strings = frozenset[str]


def pieces(text: str) -> Strings:
    """Return every three to six characters in a row of a text, in lower case."""
    low = text.lower()
    return frozenset(
        low[start : start + size] for size in _SIZES for start in range(len(low) - size + 1)
    )


def needed(expression: re.Pattern[str]) -> Strings | None:
    """Return pieces of which every matching text holds at least one, or None for any text."""
    strings = _required(list(parser.parse(expression.pattern, expression.flags)))
    if strings is None:
        return None
    return frozenset(_rarest(string.lower()) for string in strings)


def _rarest(string: str) -> str:
    size = min(len(string), _SIZES[-1])
    found = [string[start : start + size] for start in range(len(string) - size + 1)]
    return max(found, key=lambda piece: sum(_rarity(letter) for letter in piece))


def _rarity(letter: str) -> int:
    place = _COMMONEST.find(letter)
    return len(_COMMONEST) if place < 0 else place


def _required(items: list[Any]) -> Strings | None:
    """Return the most telling set of strings of a sequence, one of which every match holds."""
    candidates: list[Strings] = []
    run: Strings = frozenset([""])
    for item in items:
        exact = _exact(item)
        if exact is not None and len(run) * len(exact) <= _MAX_STRINGS:
            run = frozenset(left + right for left in run for right in exact)
            continue
        candidates.append(run)
        run = frozenset([""])
        inner = _inside(item)
        if inner is not None:
            candidates.append(inner)
    usable = [c for c in [*candidates, run] if min(map(len, c)) >= _SIZES[0]]
    return min(usable, key=lambda c: (_chance(c), sorted(c)), default=None)


def _chance(strings: Strings) -> float:
    """Return roughly how often a text holds one of the strings: each letter makes it six times rarer."""
    return float(sum(6.0 ** -min(len(string), _SIZES[-1]) for string in strings))


def _exact(item: Any) -> Strings | None:
    """Return all the strings that an item can be, or None where they are too many."""
    kind, value = item
    found: Strings | None = None
    if kind is op.LITERAL:
        found = frozenset([chr(value)])
    elif kind in {op.AT, op.ASSERT, op.ASSERT_NOT}:
        found = frozenset([""])
    elif kind is op.IN and all(what is op.LITERAL for what, _ in value):
        found = frozenset(chr(letter) for _, letter in value) if len(value) <= _MAX_CLASS else None
    elif kind is op.SUBPATTERN:
        found = _all(list(value[-1]))
    elif kind is op.BRANCH:
        found = _union([_all(list(branch)) for branch in value[1]])
    elif kind is op.MAX_REPEAT and value[:2] == (0, 1):
        found = _union([_all(list(value[2])), frozenset([""])])
    return found


def _union(branches: list[Strings | None]) -> Strings | None:
    """Join the branches' strings; None where one branch has none."""
    known = [branch for branch in branches if branch is not None]
    return frozenset[str]().union(*known) if len(known) == len(branches) else None


def _all(items: list[Any]) -> Strings | None:
    run: Strings = frozenset([""])
    for item in items:
        exact = _exact(item)
        if exact is None or len(run) * len(exact) > _MAX_STRINGS:
            return None
        run = frozenset(left + right for left in run for right in exact)
    return run


def _inside(item: Any) -> Strings | None:
    """Return what an item that is no plain string needs."""
    kind, value = item
    if kind is op.SUBPATTERN:
        return _required(list(value[-1]))
    if kind is op.BRANCH:
        return _union([_required(list(branch)) for branch in value[1]])
    if kind is op.MAX_REPEAT and value[0] >= 1:
        return _required(list(value[2]))
    return None
