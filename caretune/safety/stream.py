"""A reply on its way out: whole sentences, each judged before it leaves, redacted as the whole is.

What has left is a prefix of the offline redaction of the whole reply, whatever pieces it came in.
For that a sentence leaves only where nothing later can change its redaction. A pattern matches less
than `WINDOW` characters and a validator looks `validators.NEAR` to either side, so with `WINDOW`
characters behind a sentence end every candidate that begins before it is known. Where one reaches
over the end ("Dr. Smith", a phone number with dots, an address that goes on),
the sentence waits for the next end. Distances count in the plain view, in which invisible
characters have no length.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from caretune.errors import FilterError
from caretune.safety import addresses, normalise, outcome, pii, protocol
from caretune.safety.chain import Chain
from caretune.safety.decision import Decision, PiiSpan
from caretune.safety.normalise import View
from caretune.safety.taxonomy import Action

WINDOW = 128
"""Characters that stand behind a sentence before it leaves; no pattern matches or looks as far."""

# Behind a mark, perhaps with a closing quote or bracket, and before white space and no small letter.
# A line's end alone is none: "12\n5 Oak Lane" is one address.
_SENTENCE_END = re.compile(
    r"(?:(?<=[.!?\u2026])|(?<=[.!?\u2026][\"'\u2019\u201d)\]]))(?=\s{1,8}[^\sa-z])"
)
_MAY_LEAVE = frozenset({Action.ALLOW, Action.REDACT})
_LOG = structlog.get_logger()


class Ending(NamedTuple):
    """How a reply ended.

    `text` still leaves; it is empty where the reply was stopped. `decision` is that on the whole
    reply, or on its sentences up to the one that was stopped.
    """

    text: str
    decision: Decision
    stopped: bool


class Stream:
    """One reply that leaves as it is written.

    The state is the text so far, what of it has left, and whether it was stopped. A filter that
    raises stops it; no method raises for what a filter does.

    Args:
        chain: Judges and redacts.
        context: The message that the reply answers.
    """

    def __init__(self, chain: Chain, context: str | None) -> None:
        self._chain = chain
        self._context = context
        self._text = ""
        self._left = ""
        self._next = 0
        self._stopped_by: Decision | None = None

    @property
    def stopped(self) -> bool:
        """Whether the reply turned out unfit; then nothing more leaves."""
        return self._stopped_by is not None

    def feed(self, piece: str) -> str:
        """Take a piece of the reply and return the text that may leave now, often none."""
        self._text += piece
        ends = [] if self.stopped else self._sentence_ends()
        if not ends:
            return ""
        before = len(self._left)
        try:
            self._release(ends)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the reply must not pass
            self._fail(error)
        return self._left[before:]

    def finish(self) -> Ending:
        """Judge the whole reply and return what of it still leaves."""
        decision = self._stopped_by or self._judge(self._text)
        if not self.stopped and decision.action in _MAY_LEAVE:
            before = len(self._left)
            try:
                self._leave(decision.redacted)
            except FilterError as error:
                decision = self._fail(error)
            else:
                return Ending(self._left[before:], decision, stopped=False)
        self._stopped_by = decision
        return Ending("", decision, stopped=True)

    def _sentence_ends(self) -> list[int]:
        """Return the sentence ends not looked at yet that have enough text behind them."""
        limit = len(self._text) - WINDOW
        ends = []
        for match in _SENTENCE_END.finditer(self._text, self._next):
            if match.start() >= limit:
                break
            ends.append(match.start())
        self._next = max(self._next, limit)
        return ends

    def _release(self, ends: Sequence[int]) -> None:
        """Let the sentences go that pass, up to the first that does not."""
        view = pii.lined(self._text, normalise.normalise(self._text).plain)
        spans = self._chain.redact(self._text, ours=True).spans
        reaches = _reaches(self._chain, view)
        for end in ends:
            place = bisect_left(view.starts, end)
            if len(view.text) - place <= WINDOW:
                self._next = end
                return
            if any(start < place < reach for start, reach in reaches):
                continue
            decision = self._judge(self._text[:end])
            if decision.action not in _MAY_LEAVE:
                self._stopped_by = decision
                return
            self._leave(_redacted(self._text, end, spans))

    def _leave(self, redacted: str) -> None:
        """Let what is new in the redacted text go.

        Raises:
            FilterError: It does not go on from what has left.
        """
        if not redacted.startswith(self._left):
            raise FilterError("later text changed the redaction of text that has left.")
        self._left = redacted

    def _judge(self, text: str) -> Decision:
        return self._chain.scan_message(text, "assistant", self._context)

    def _fail(self, error: Exception) -> Decision:
        """Stop because a filter broke, with a decision that blocks."""
        _LOG.error("stream failed", error=type(error).__name__, characters=len(self._text))
        self._stopped_by = outcome.blocked(self._chain.digest)
        return self._stopped_by


def _reaches(chain: Chain, view: View) -> list[tuple[int, int]]:
    """Return where in the view each candidate of personal data begins and ends.

    Candidates and not only findings: what a validator rejects now it may accept with more text
    behind. Numbers that a reply tells people to use are among them. The last words may be part of an
    address that is not written yet.
    """
    found = chain.candidates(view)
    return [
        *((hit.start, hit.end) for hit in found.hits),
        *((place.start, place.end) for place in found.places),
        *protocol.told(view.text),
        (addresses.unsettled(view.text) - 1, len(view.text) + 1),
    ]


def _redacted(text: str, end: int, spans: Sequence[PiiSpan]) -> str:
    before = [span for span in spans if span.end <= end]
    return pii.Placeholders().replace(text[:end], before)
