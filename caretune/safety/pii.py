"""Personal data: shapes from patterns, validators on the candidates only, context words, placeholders.

A candidate stands if its validator gives it a score of at least `_MIN_SCORE`; names are candidates
of the tagger. Numbers and pages of the protocol table are never personal data.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from caretune.safety import names, protocol, validators
from caretune.safety.decision import PiiSpan
from caretune.safety.names import Lexicon, Named
from caretune.safety.normalise import View
from caretune.safety.scan import Hit
from caretune.safety.tagger import Tagger
from caretune.safety.taxonomy import PiiType
from caretune.safety.validators import NEAR, Candidate

_MIN_SCORE = 0.5
MIN_NAME_CHANCE = 0.3
"""From here on a candidate is redacted as a name. Held out: .2 finds .85 at precision .75, .3 finds .79 at
.78, .35 finds .74 at .79 (5 folds, docs/log.md)."""
_ORDER = {kind: number for number, kind in enumerate(PiiType)}
_NOT_DIGIT = re.compile(r"\D")
_TRAILING = " .,;:!?)'\"-"

_CAPITAL = r"[^\W\d_a-z][\w'-]{0,16}"
_MORE_ADDRESS = re.compile(
    r",? ?(?:(?:[Ff]lat|[Aa]pt\.?|[Uu]nit|[Rr]oom|[Ss]uite|[Bb]lock|[Hh]ouse|[Bb]uilding|[Ff]loor|lgh|#) ?"
    r"[\w-]{1,6}|(?<=,) ?[A-Z]{1,2}\d{1,2}[A-Z]? ?\d[A-Z]{2}\b|(?<=[, ])[A-Z]{2} (?:[A-Z]\d[A-Z] \d[A-Z]\d|"
    r"\d{5}(?:-\d{4})?)|(?<=, )(?:Co\. |St\.? )?(?:\d{3,6}(?:[ -]\d{2,3})? )?(?!I\b|I')"
    + _CAPITAL
    + r"(?: "
    + _CAPITAL
    + r"){0,3}(?: \d{3,6}(?:-\d{3,4})?)?|(?<=, )\d{4,6}(?: [A-Z]{2} "
    + _CAPITAL
    + r")?|(?<=, )(?:No:? ?)?\d{1,4}[.ºo°/]{0,2} ?[\w/]{0,5}\.?(?=,)|(?<=No)\. ?\d{1,5}|(?<=\d)\. ?[IVX]{1,4}/\d{1,3}|(?<=\d[snrt][tdh] )[A-Z]\w{2,12}|(?<=[\d.] )(?:d|kv|lgh|tv)\. ?\d{1,3}"
    r"|(?<=, )(?:r/c|apto|depto|daire|kat|floor|off|near|c/o)\.? (?:"
    + _CAPITAL
    + r"|\d{1,3})(?: "
    + _CAPITAL
    + r"){0,2})"
)
_BEFORE_ADDRESS = re.compile(
    r"(?:(?:(?:[Ff]lat|[Aa]pt|[Uu]nit|[Rr]oom|[Ss]uite|[Ww]ard|[Bb]lock|[Ll]ot|[Ss]ite|[Hh]aus|[Hh]ouse) (?:\d\w{0,4}|[A-Z]\d{0,2})"
    r"|(?:"
    + _CAPITAL
    + r" ){1,3}(?:House|Lodge|Hall|Court|Mansions?|Cottage|Farm|Estate|Towers?|Building|Block|Rest|Apt|Villa)"
    r"|(?<![\d/])\d{1,2}/[\dF]{1,2}|(?<!\d)\d{1,3} bis),? |(?<![\d/.-])\d{1,5} )$"
)
_WORD_END = re.compile(r"(?:/?\w){0,8}")
_WIDEST_GAP = 40
BETWEEN_PARTS = re.compile(r"(?:[, ./#-]|\d|\b[A-Za-z]{1,3}\b\.?|(?<=, )" + _CAPITAL + r"){1,40}?")


class Redaction(NamedTuple):
    """A text with placeholders, and what they stand for in the original."""

    text: str
    spans: list[PiiSpan]


class Candidates(NamedTuple):
    """What is looked at: the plain view, its hits, what is allowed, and which words are no names."""

    view: View
    hits: Sequence[Hit]
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
    for span in _joined(candidates.view.text, kept):
        start, end = candidates.view.original(span.start, span.end)
        spans.append(PiiSpan(span.kind, start, end, span.score))
    return spans


def _joined(text: str, taken: Sequence[_Found]) -> list[_Found]:
    """Join the parts of one address, and drop a "name" that only goes on with it (a town)."""
    joined: list[_Found] = []
    for span in sorted(taken, key=lambda span: span.start):
        last = joined[-1] if joined else None
        if last is not None and last.kind is PiiType.ADDRESS:
            gap = text[last.end : span.start]
            goes_on = len(gap) <= _WIDEST_GAP and BETWEEN_PARTS.fullmatch(gap) is not None
            if goes_on and span.kind in {PiiType.ADDRESS, PiiType.NAME}:
                joined[-1] = last._replace(end=span.end)
                continue
        joined.append(span)
    return joined


def unclaimed(candidates: Candidates) -> list[Named]:
    """Return what may be a name and is nothing else: what the tagger judges and learns from."""
    return _unclaimed(candidates, _shapes(candidates))


def _shapes(candidates: Candidates) -> list[_Found]:
    """Return all but names."""
    return [
        span
        for hit in candidates.hits
        if hit.pattern.type != PiiType.NAME and (span := _judge(hit, candidates)) is not None
    ]


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
    if kind is PiiType.ADDRESS:
        start, end = _before(text, start), extended(text, end)
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


def _before(text: str, start: int) -> int:
    """Take in the house or the flat that stands before a street."""
    while (more := _BEFORE_ADDRESS.search(text, max(0, start - names.NEAR), start)) is not None:
        start = more.start()
    return start


def extended(text: str, end: int) -> int:
    """Follow the parts of an address after its street: town, code, country."""
    end = _WORD_END.match(text, end).end()  # type: ignore[union-attr] # it also matches nothing
    while (more := _MORE_ADDRESS.match(text, end)) is not None and more.end() > end:
        end = more.end()
    return end
