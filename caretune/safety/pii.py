"""Personal data: shapes from patterns, validators on the candidates only, context words, placeholders.

A candidate stands if its validator gives it a score of at least `_MIN_SCORE`; names and addresses are
candidates of their taggers. Numbers and pages of the protocol table are never personal data.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from caretune.safety import addresses, names, protocol, validators
from caretune.safety.addresses import Place
from caretune.safety.decision import PiiSpan
from caretune.safety.names import Lexicon, Named
from caretune.safety.normalise import View
from caretune.safety.scan import Hit
from caretune.safety.tagger import Tagger
from caretune.safety.taxonomy import PiiType
from caretune.safety.validators import NEAR, Candidate

_MIN_SCORE = 0.5
MIN_NAME_CHANCE = 0.5
"""From here on a candidate is redacted as a name (docs/log.md has the curve)."""
_ORDER = {kind: number for number, kind in enumerate(PiiType)}
_NOT_DIGIT = re.compile(r"\D")
_TRAILING = " .,;:!?)'\"-"


class Redaction(NamedTuple):
    """A text with placeholders, and what they stand for in the original."""

    text: str
    spans: list[PiiSpan]


class Candidates(NamedTuple):
    """What is looked at: the lined view, what may be what, what is allowed, words that are hints."""

    view: View
    hits: Sequence[Hit]
    places: Sequence[Place]
    numbers: frozenset[str]
    hosts: frozenset[str]
    lexicon: Lexicon


class _Found(NamedTuple):
    """A span of the plain view."""

    kind: PiiType
    start: int
    end: int
    score: float


class _Marked:
    """Which characters of a text are taken; asking costs the length asked about, however many are."""

    def __init__(self, length: int) -> None:
        self._taken = bytearray(length)

    def mark(self, start: int, end: int) -> None:
        self._taken[start:end] = b"\1" * (end - start)

    def any_in(self, start: int, end: int) -> bool:
        return self._taken.find(1, start, end) >= 0


class Placeholders:
    """Placeholders that stay the same for the same value, through one conversation."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()

    def replace(self, text: str, spans: Sequence[PiiSpan]) -> str:
        """Return the text with every span replaced by its placeholder, such as [NAME_1]."""
        pieces, position = [], 0
        for span in spans:
            value = text[span.start : span.end]
            pieces += [text[position : span.start], self._placeholder(span.type, value)]
            position = span.end
        return "".join([*pieces, text[position:]])

    def _placeholder(self, kind: str, value: str) -> str:
        key = (kind, " ".join(value.lower().split()))
        if key not in self._given:
            self._counts[kind] += 1
            self._given[key] = f"[{kind}_{self._counts[kind]}]"
        return self._given[key]


def detect(candidates: Candidates, tagger: Tagger) -> list[PiiSpan]:
    """Return the personal data of one text in its order, without overlaps."""
    found = _shapes(candidates)
    for named in _unclaimed(candidates, found):
        chance = tagger.score(named, candidates.lexicon)
        if chance >= MIN_NAME_CHANCE:
            found.append(_Found(PiiType.NAME, named.start, named.end, chance))
    found.sort(key=lambda span: (_ORDER[span.kind], span.start - span.end, span.start))
    taken = _Marked(len(candidates.view.text))
    kept = []
    for span in found:
        if not taken.any_in(span.start, span.end):
            taken.mark(span.start, span.end)
            kept.append(span)
    spans = []
    for span in sorted(kept, key=lambda span: span.start):
        start, end = candidates.view.original(span.start, span.end)
        spans.append(PiiSpan(span.kind, start, end, span.score))
    return spans


def lined(text: str, view: View) -> View:
    """Return the plain view of a text with its line feeds; no name and no number goes over one."""
    if "\n" not in text:
        return view
    pairs = zip(view.text, view.starts, strict=True)
    return view._replace(text="".join("\n" if text[at] == "\n" else letter for letter, at in pairs))


def unclaimed(candidates: Candidates) -> list[Named]:
    """Return what may be a name and is nothing else: what the tagger judges and learns from."""
    return _unclaimed(candidates, _shapes(candidates))


def _shapes(candidates: Candidates) -> list[_Found]:
    """Return all but names."""
    found = [
        span
        for hit in candidates.hits
        if hit.pattern.type != PiiType.NAME and (span := _judge(hit, candidates)) is not None
    ]
    return [*_addresses(candidates, found), *found]


def _addresses(candidates: Candidates, found: Sequence[_Found]) -> Iterator[_Found]:
    """Yield the addresses, none beyond a line that begins with a telephone number."""
    text = candidates.view.text
    phones = sorted(span.start for span in found if span.kind is PiiType.PHONE)
    lines = [
        start for start in phones if text[max(0, start - 3) : start].rstrip(" >").endswith("\n")
    ]
    for place in candidates.places:
        if place.chance >= addresses.SURE:
            behind = bisect_right(lines, place.start)
            end = min([place.end, *lines[behind : behind + 1]])
            value = text[place.start : end].rstrip("\n >")
            if _NOT_DIGIT.sub("", value) not in candidates.numbers:
                yield _Found(PiiType.ADDRESS, place.start, place.start + len(value), place.chance)


def _unclaimed(candidates: Candidates, found: Sequence[_Found]) -> list[Named]:
    text = candidates.view.text
    claimed = _Marked(len(text))
    for span in found:
        claimed.mark(span.start, span.end)
    return [
        named
        for named in names.find(text, candidates.hits, candidates.lexicon)
        if not claimed.any_in(named.start, named.end)
    ]


def _judge(hit: Hit, candidates: Candidates) -> _Found | None:
    """Validate one candidate; None where it is not personal data."""
    kind = PiiType(hit.pattern.type)
    text = candidates.view.text
    named = "value" in hit.match.re.groupindex
    start, end = hit.match.span("value") if named else (hit.start, hit.end)
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    value = text[start:end]
    digits = _NOT_DIGIT.sub("", value)
    if not value or (kind in {PiiType.PHONE, PiiType.SSN} and digits in candidates.numbers):
        return None
    if kind is PiiType.URL and protocol.host(value) in candidates.hosts:
        return None
    before, after = text[max(0, start - NEAR) : start], text[end : end + NEAR]
    candidate = Candidate(hit.pattern.name, kind, value, before, after)
    score = validators.score(candidate)
    return _Found(kind, start, end, score) if score >= _MIN_SCORE else None
