"""Personal data: shapes from patterns, validators on the candidates only, context words, placeholders.

A candidate stands if its validator gives it a score of at least `_MIN_SCORE`. Numbers and pages of
the protocol table are never personal data. Names and addresses go by patterns with context; a name
at the start of a sentence counts only if the word is no common one (the bundle's word list).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from caretune.safety import protocol, validators
from caretune.safety.decision import PiiSpan
from caretune.safety.normalise import View
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import PiiType
from caretune.safety.validators import NEAR, Candidate

_MIN_SCORE = 0.5
_ORDER = {kind: number for number, kind in enumerate(PiiType)}
_NOT_DIGIT = re.compile(r"\D")
_TRAILING = " .,;:!?)'\"-"

_MORE_ADDRESS = re.compile(
    r",? ?(?:(?:[Ff]lat|[Aa]pt\.?|[Uu]nit|[Rr]oom|[Ss]uite|[Bb]lock|[Hh]ouse|[Bb]uilding|[Ff]loor|lgh|#) ?"
    r"[\w-]{1,6}|(?<=,) ?[A-Z]{1,2}\d{1,2}[A-Z]? ?\d[A-Z]{2}\b|(?<=[, ])[A-Z]{2} (?:[A-Z]\d[A-Z] \d[A-Z]\d|"
    r"\d{5}(?:-\d{4})?)|(?<=, )(?:\d{3,6}(?: \d{2})? )?[A-ZÀ-ÞĀ-Ž][\w'-]{1,16}(?: [A-ZÀ-ÞĀ-Ž][\w'-]{1,16}){0,3}"
    r"(?: \d{3,6})?|(?<=, )\d{4,6})"
)
_BETWEEN_PARTS = re.compile(r"(?:[, ./#-]|\d|\b[A-Za-z]{1,3}\b\.?){1,20}")


class Redaction(NamedTuple):
    """A text with placeholders, and what they stand for in the original."""

    text: str
    spans: list[PiiSpan]


class Candidates(NamedTuple):
    """What the validators look at: the plain view, its hits, what is allowed, common words."""

    view: View
    hits: Sequence[Hit]
    numbers: frozenset[str]
    hosts: frozenset[str]
    common: frozenset[str]


class _Found(NamedTuple):
    """A span of the plain view."""

    kind: PiiType
    start: int
    end: int
    score: float


class Placeholders:
    """Placeholders that stay the same for the same value, through one conversation."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}

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
            number = 1 + sum(known == kind for known, _ in self._given)
            self._given[key] = f"[{kind}_{number}]"
        return self._given[key]


def detect(candidates: Candidates) -> list[PiiSpan]:
    """Return the personal data of one text in its order, without overlaps."""
    found = [
        span
        for hit in candidates.hits
        if hit.pattern.family == "pii" and (span := _judge(hit, candidates)) is not None
    ]
    found.sort(key=lambda span: (_ORDER[span.kind], span.start - span.end, span.start))
    taken: list[_Found] = []
    for span in found:
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    spans = []
    for span in _joined(candidates.view.text, taken):
        start, end = candidates.view.original(span.start, span.end)
        spans.append(PiiSpan(span.kind, start, end, span.score))
    return spans


def _joined(text: str, taken: Sequence[_Found]) -> list[_Found]:
    """Join the parts of one address, and drop a "name" that only goes on with it (a town)."""
    joined: list[_Found] = []
    for span in sorted(taken, key=lambda span: span.start):
        last = joined[-1] if joined else None
        if last is not None and last.kind is PiiType.ADDRESS:
            goes_on = _BETWEEN_PARTS.fullmatch(text[last.end : span.start]) is not None
            if goes_on and span.kind in {PiiType.ADDRESS, PiiType.NAME}:
                joined[-1] = last._replace(end=span.end)
                continue
        joined.append(span)
    return joined


def _judge(hit: Hit, candidates: Candidates) -> _Found | None:
    """Validate one candidate; None where it is not personal data."""
    kind = PiiType(hit.pattern.type)
    text = candidates.view.text
    named = "value" in hit.match.re.groupindex
    start, end = hit.match.span("value") if named else (hit.start, hit.end)
    if kind is PiiType.ADDRESS:
        end = _extend(text, end)
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
    score = validators.score(candidate, candidates.common)
    return _Found(kind, start, end, score) if score >= _MIN_SCORE else None


def _extend(text: str, end: int) -> int:
    """Follow the parts of an address after its street: town, code, country."""
    while (more := _MORE_ADDRESS.match(text, end)) is not None and more.end() > end:
        end = more.end()
    return end
