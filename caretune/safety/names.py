"""Where a person's name may stand: capitals, introduced words, rare words of who writes no capitals.

What stands for certain at the edge of a run and is no name ("When Thandeka") is cut off; the tagger
judges what is left.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec

from caretune.safety.scan import Hit

NEAR = 40
"""How many characters before and after a candidate are looked at."""

_INTRODUCED = frozenset({"name_intro", "name_relation", "name_lower"})
_WORD = re.compile(r"\S+")
_LOWER = re.compile(r"(?<![\w'@/.-])[a-z]{3,14}(?:-[a-z]{2,14})?(?![\w'@/]|[.-]\w)")
_QUICK = re.compile(r"[a-z'-]+")
"""Whatever `_LOWER` finds is one of these, so that where all are everyday words there is nothing."""
_LONGEST_SHOUT = 3
_SPOKEN = (
    "i i'm i'll i've i'd my myself you you're your yourself it's he's she's him himself herself them "
    "themselves they're we we're kill kills killed killing die dies died dying dead suicide suicidal "
    "overdose overdosing want wants wanted wanna gonna going tonight pills noose"
)
SPOKEN = frozenset(_SPOKEN.split())
"""What a person says and no name or address holds: redaction must not hide words of danger."""


class Named(NamedTuple):
    """A candidate: where it stands, the kind of find, and the text on either side."""

    pattern: str
    start: int
    end: int
    value: str
    before: str
    after: str


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lower-case words: given names, capitalised words that name no person, everyday words."""

    given: frozenset[str]
    known: frozenset[str]
    common: frozenset[str]

    def listed(self) -> dict[str, list[str]]:
        """Return the words in their order, to be written."""
        return {name: sorted(getattr(self, name)) for name in self.__struct_fields__}

    def ordinary(self, word: str) -> bool:
        """Tell whether a word is no name by itself."""
        low = word.lower().rstrip(",.'").removesuffix("'s")
        return (low in self.common or low in self.known) and low not in self.given


def find(text: str, hits: Iterable[Hit], lexicon: Lexicon) -> list[Named]:
    """Return the candidates of a text in its order, without overlaps."""
    runs, introduced, famous = _sorted(hits)
    labelled = {start for _, start, _ in introduced}
    spans = [
        span
        for run in runs
        for start, end in _pieces(text, *run, famous)
        for span in _run(text, start, end, lexicon, shouted=start in labelled)
    ]
    if text[:1].islower():
        spans += _uncapitalised(text, lexicon)
    spans.sort(key=itemgetter(1))
    for name, start, end in introduced:
        first = bisect_right(spans, start, key=itemgetter(2))
        beyond = bisect_left(spans, end, key=itemgetter(1))
        over = [(name, *span[1:]) for span in spans[first:beyond]]
        spans[first:beyond] = over or _right_behind(text, name, start, end, famous)
    return [_named(text, *span) for span in spans]


def _sorted(
    hits: Iterable[Hit],
) -> tuple[list[tuple[int, int]], list[tuple[str, int, int]], list[tuple[int, int]]]:
    """Return the runs of capitals, what a word introduces, and the names of the famous."""
    runs: list[tuple[int, int]] = []
    introduced: list[tuple[str, int, int]] = []
    famous: list[tuple[int, int]] = []
    for hit in hits:
        if hit.pattern.name == "name_capital":
            runs.append(hit.match.span("value"))
        elif hit.pattern.name == "name_famous":
            famous.append((hit.start, hit.end))
        elif hit.pattern.name in _INTRODUCED:
            introduced.append((hit.pattern.name, *hit.match.span("value")))
    return runs, introduced, famous


def _pieces(
    text: str, start: int, end: int, famous: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Part a run at words of speech, and at the name of somebody famous."""
    found: list[tuple[int, int]] = []
    goes_on = False
    for word in _WORD.finditer(text, start, end):
        behind = bisect_right(famous, word.start(), key=itemgetter(0)) - 1
        known = behind >= 0 and word.start() < famous[behind][1]
        if known or word.group().lower().rstrip(",.'") in SPOKEN:
            goes_on = False
        elif goes_on:
            found[-1] = (found[-1][0], word.end())
        else:
            found.append(word.span())
            goes_on = True
    return found


def _right_behind(
    text: str, name: str, start: int, end: int, famous: Sequence[tuple[int, int]]
) -> list[tuple[str, int, int]]:
    """Return what stands right behind an introducing word, unless it is a shout."""
    pieces = _pieces(text, start, end, famous)
    if not pieces or pieces[0][0] != start or _shout(text[start : pieces[0][1]]):
        return []
    return [(name, *pieces[0])]


def _shout(value: str) -> bool:
    return value.isupper() and len(value) > _LONGEST_SHOUT


def _run(
    text: str, start: int, end: int, lexicon: Lexicon, *, shouted: bool
) -> list[tuple[str, int, int]]:
    """Cut ordinary words off the ends of a run of capitals; nothing may be left.

    Capitals alone are a shout and no name, unless `shouted` says that forms write names so.
    """
    if " " not in text[start:end] and lexicon.ordinary(text[start:end]):
        return []
    words = [(start + word.start(), start + word.end()) for word in _WORD.finditer(text[start:end])]
    while len(words) > 1 and lexicon.ordinary(text[slice(*words[0])]):
        words.pop(0)
    least = 2 if text[slice(*words[0])].lower() in lexicon.given else 1
    while len(words) > 1 and lexicon.ordinary(text[slice(*words[-1])]):
        if len(words) == least and text[slice(*words[-1])].lower() not in lexicon.known:
            break
        words.pop()
    start, end = words[0][0], words[-1][1]
    value = text[start:end]
    if _shout(value) and not shouted:
        return []
    if len(words) == 1 and lexicon.ordinary(value):
        return []
    return [("name_capital", start, end)]


def _uncapitalised(text: str, lexicon: Lexicon) -> list[tuple[str, int, int]]:
    """Return rare lower-case words, neighbours as one."""
    if lexicon.common.issuperset(_QUICK.findall(text)):
        return []
    spans: list[tuple[str, int, int]] = []
    for word in _LOWER.finditer(text):
        value = word.group()
        if value in lexicon.common or value in lexicon.known:
            continue
        if spans and spans[-1][2] + 1 == word.start() and text[word.start() - 1] == " ":
            spans[-1] = (spans[-1][0], spans[-1][1], word.end())
        else:
            spans.append(("name_plain", *word.span()))
    return spans


def _named(text: str, pattern: str, start: int, end: int) -> Named:
    value = text[start:end].rstrip("'")
    value = value.removesuffix("'s")
    end = start + len(value)
    return Named(
        pattern, start, end, value, text[max(0, start - NEAR) : start], text[end : end + NEAR]
    )
