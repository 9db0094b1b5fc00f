"""Whether a row is worth training on: its scores, and the exit by which it leaves, if any.

A pure function of the row and of plain thresholds. 10 MB are refused by their length alone, before
a word is looked at. Crisis rows are short, blunt and alike by nature, and there are few: whatever
speaks of a crisis passes, and says so, unless it cannot be read or nobody wrote the reply.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from caretune.corpus import crisis_wording
from caretune.corpus.quality import scores, words
from caretune.corpus.quality.scores import Side
from caretune.records import Message
from caretune.safety.chain import Chain
from caretune.safety.taxonomy import Severity

EXITS = (
    "too_long",
    "unnatural",
    "poor_transcript",
    "other_language",
    "too_short",
    "template_reply",
    "repetitive",
    "generic_reply",
    "not_therapeutic",
    "incoherent_answer",
)
"""Every exit, in the order in which they are asked; a row leaves by the first."""
SCORES = ("coherence", "fit", "language", "naturalness", "specificity", "variety")
"""Every score that is measured here; 1.0 = best. A source may tell more (transcription_quality)."""

_BINDING = frozenset(["too_long", "other_language", "template_reply"])
"""Exits that a crisis row takes too: it cannot be read, or nobody wrote the reply."""
_KNOWLEDGE, _CRISIS = "psychology_knowledge", "crisis_safety"

_NO_RISK = frozenset([Severity.NONE, Severity.UNSCORED])
"""An unscored text is of another language or of none: unread, it is no reason to keep a row."""


class Thresholds(NamedTuple):
    """What a row must reach; each is described in caretune/params/ingest.py."""

    max_message_chars: int
    max_row_chars: int
    min_client_words: int
    min_reply_words: int
    min_language: float
    min_variety: float
    min_naturalness: float
    min_specificity: float
    min_fit: float
    min_transcription_quality: float
    min_coherence: float


class Assessment(NamedTuple):
    """What was found of one row."""

    scores: dict[str, float]
    """Name -> 0..1, 1.0 = best; a score that could not be measured is not there."""
    exit: str
    """Empty where the row passes."""
    detail: str
    """Why it leaves, or why it stays all the same; never a word of the row."""
    spared: str = ""
    """The exit that a row would have taken if it did not speak of a crisis; else empty."""


def assess(
    messages: Sequence[Message],
    *,
    thresholds: Thresholds,
    domain: str | None = None,
    severity: str | None = None,
    filters: Chain | None = None,
    told: Mapping[str, float] = MappingProxyType({}),
) -> Assessment:
    """Score a row and say whether it passes; about 140 us at 1.7 KB.

    Args:
        messages: Normalised, not yet redacted; at least one of the client and one reply.
        thresholds: What it must reach.
        domain: Domain by its source; `psychology_knowledge` need not be therapeutic talk, and
            `crisis_safety` is of a crisis.
        severity: Gold severity of the crisis label, where the source has one.
        filters: Asked whether the client is at risk when a row would leave, and only then (400 to 700
            us a message); None leaves that to gold and to crisis wording, which four in five of the
            labelled messages at high risk do without.
        told: What the source measured itself (a transcript's naturalness); it goes before ours.
    """
    if long := _too_long(messages, thresholds):
        return Assessment({}, "too_long", long)
    client, replies = scores.side(messages, "user"), scores.side(messages, "assistant")
    measured = {**scores.measure(client, replies), **told}
    faults = _faults(client, replies, measured, thresholds, domain)
    if not faults:
        return Assessment(measured, "", "")
    binding = [fault for fault in faults if fault[0] in _BINDING]
    way, detail = faults[0]
    if not binding and (risk := _risk(messages, domain, severity, filters)):
        return Assessment(measured, "", f"kept for {risk}: {way}, {detail}", way)
    return Assessment(measured, way, detail)


def _too_long(messages: Sequence[Message], thresholds: Thresholds) -> str:
    lengths = [len(message.content) for message in messages]
    if max(lengths, default=0) > thresholds.max_message_chars:
        return f"a message of {max(lengths)} characters, {thresholds.max_message_chars} are allowed"
    if sum(lengths) > thresholds.max_row_chars:
        return f"{sum(lengths)} characters, {thresholds.max_row_chars} are allowed"
    return ""


def _faults(
    client: Side,
    replies: Side,
    measured: dict[str, float],
    thresholds: Thresholds,
    domain: str | None,
) -> list[tuple[str, str]]:
    """Return every exit that a row of fair length could take, and why, in the order of `EXITS`."""
    least_fit = 0.0 if domain == _KNOWLEDGE else thresholds.min_fit
    found = [
        ("unnatural", _below(measured, "naturalness", thresholds.min_naturalness)),
        (
            "poor_transcript",
            _below(measured, "transcription_quality", thresholds.min_transcription_quality),
        ),
        ("other_language", _below(measured, "language", thresholds.min_language)),
        ("too_short", _too_short(client, replies, thresholds)),
        ("template_reply", _template(replies)),
        ("repetitive", _below(measured, "variety", thresholds.min_variety)),
        ("generic_reply", _below(measured, "specificity", thresholds.min_specificity)),
        ("not_therapeutic", _below(measured, "fit", least_fit)),
        ("incoherent_answer", _below(measured, "coherence", thresholds.min_coherence)),
    ]
    return [fault for fault in found if fault[1]]


def _below(measured: dict[str, float], name: str, least: float) -> str:
    found = measured.get(name)
    return "" if found is None or found >= least else f"{name} {found:.3f} is below {least:g}"


def _too_short(client: Side, replies: Side, thresholds: Thresholds) -> str:
    if len(client.words) < thresholds.min_client_words:
        return f"the client says {len(client.words)} words, {thresholds.min_client_words} are due"
    if len(replies.words) < thresholds.min_reply_words:
        return f"the replies have {len(replies.words)} words, {thresholds.min_reply_words} are due"
    return ""


def _template(replies: Side) -> str:
    for number, template in enumerate(words.load().templates, start=1):
        if template in replies.text:
            return f"a reply holds template {number} of words.yaml"
    return ""


def _risk(
    messages: Sequence[Message], domain: str | None, severity: str | None, filters: Chain | None
) -> str:
    """Return what tells that a row is of a crisis, or nothing."""
    if severity not in {None, Severity.NONE}:
        return "its crisis label"
    if domain == _CRISIS:
        return "its crisis domain"
    if any(crisis_wording.words(turn) for turn in messages if turn.role != "system"):
        return "its crisis wording"
    if filters is None:
        return ""
    said = [message for message in messages if message.role == "user"]
    if said and filters.scan_turns(said).crisis.severity not in _NO_RISK:
        return "the risk that the filters see"
    return ""
