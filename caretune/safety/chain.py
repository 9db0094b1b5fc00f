"""The chain: crisis, toxicity, privacy, bias, appropriateness, redaction, in this order.

One Decision a message. A step that raises fails closed: the decision is to block, the severity is
`unscored`, and the log names the step's error, never the text.
"""

import datetime as dt
import traceback
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from caretune.errors import FilterError
from caretune.records import Message
from caretune.safety import (
    addresses,
    appropriateness,
    bias,
    bundle,
    conversation,
    crisis,
    features,
    gates,
    language,
    normalise,
    outcome,
    pii,
    scan,
    toxicity,
)
from caretune.safety.bundle import Bundle
from caretune.safety.decision import CrisisFinding, Decision, PiiSpan
from caretune.safety.gates import Findings
from caretune.safety.heads import Scorer, Scores
from caretune.safety.normalise import View
from caretune.safety.pii import Redaction
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import Severity, Subject, severity_rank

_HIGH = severity_rank(Severity.HIGH)
_LOG = structlog.get_logger()


class Reading(NamedTuple):
    """What the chain reads from a message before it judges: both views, hits, scores, language."""

    text: normalise.Normalised
    hits: list[Hit]
    scores: Scores
    language: str


class Redactor:
    """Redacts the messages of one conversation with the same placeholders throughout."""

    def __init__(
        self, detect: Callable[[str], list[PiiSpan]], spared: Callable[[str], bool] | None
    ) -> None:
        self._detect = detect
        self._spared = spared
        self._placeholders = pii.Placeholders()

    def redact(self, text: str) -> Redaction:
        """Return the text with placeholders such as [NAME_1], and the spans they stand for."""
        spans = self._detect(text)
        if self._spared is not None:
            spans = [
                s for s in spans if s.type != "NAME" or not self._spared(text[s.start : s.end])
            ]
        return Redaction(self._placeholders.replace(text, spans), spans)


class Chain:
    """The filters of one bundle.

    Args:
        parts: The bundle, as `bundle.read` returns it.
    """

    def __init__(self, parts: Bundle) -> None:
        self.digest = parts.digest
        self.protocol = parts.protocol
        self._thresholds = parts.header.thresholds
        self._max_characters = parts.header.max_message_chars
        self._lexicon = parts.lexicon
        self._tagger = parts.tagger
        self._places = parts.places
        self._numbers = parts.protocol.allowed_numbers()
        self._hosts = parts.protocol.allowed_hosts()
        self._scorer = Scorer(parts.heads)
        self._private = scan.private(parts.patterns)
        self._spoken = scan.spoken(parts.patterns)

    @classmethod
    def load(cls, folder: Path) -> "Chain":
        """Load a bundle and replay its canaries.

        Raises:
            FilterError: A file is missing or altered, or a canary is judged otherwise than when
                the bundle was built.
        """
        parts = bundle.read(folder)
        chain = cls(parts)
        for number, canary in enumerate(parts.canaries, start=1):
            found = chain.replay(canary.text, canary.role, canary.context)
            if found != canary.expected:
                wrong = next(key for key in sorted(found) if found[key] != canary.expected.get(key))
                raise FilterError(
                    f"{folder}: canary {number} now has another {wrong} than when the bundle was "
                    "built. Run `dvc repro -f filters`."
                )
        return chain

    def scan_message(self, text: str, role: str = "user", context: str | None = None) -> Decision:
        """Decide on one message.

        Args:
            text: The message.
            role: "user", or "assistant" for a reply of ours.
            context: The message that a reply answers.
        """
        return self._closed(lambda: self._decide(text, role, context, ())[0], text)

    def replay(self, text: str, role: str, context: str | None) -> dict[str, Any]:
        """Return what a canary shows of the chain: a decision's words, and the patterns that were met."""
        decision = self.scan_message(text, role, context)
        failed = decision.gates == gates.failed()
        hits = [] if failed else self._spoken.scan(normalise.normalise(text).folded.text)
        met = sorted({hit.pattern.name for hit in hits})
        return outcome.summary(decision) | {"patterns": met}

    def scan_turns(self, turns: Sequence[Message]) -> Decision:
        """Decide on a conversation; risk once seen stays, so a retraction lowers nothing.

        Spans and `redacted` refer to the turns joined by line feeds.
        """
        joined = "\n".join(turn.content for turn in turns)
        return self._closed(lambda: self._over(turns), joined)

    def redact(self, text: str, ours: bool = False) -> Redaction:
        """Redact one text on its own; in a reply of ours also the numbers that no line has."""
        view = normalise.normalise(text)
        spans = self._personal(text, view)
        spans = self.protocol.checked(spans, view.plain) if ours else spans
        return Redaction(pii.Placeholders().replace(text, spans), spans)

    def candidates(self, view: View) -> pii.Candidates:
        """Return all that may be personal data in a lined view, before any validator looks."""
        return pii.Candidates(
            view,
            self._private.scan(view.text),
            addresses.find(view.text, self._lexicon, self._places),
            self._numbers,
            self._hosts,
            self._lexicon,
        )

    def redactor(self, spared: Callable[[str], bool] | None = None) -> Redactor:
        """Return a redactor for one conversation; a name for which `spared` holds stays."""
        return Redactor(self._personal, spared)

    def protocol_reply(
        self, decision: Decision, locale: str | None = None, today: dt.date | None = None
    ) -> str:
        """Return the protocol's reply to a high, imminent or unscored message.

        Args:
            decision: What was decided on the message.
            locale: The reader's country ("IE") or language tag ("en-IE"), for the lines that are
                named; None where it is not known.
            today: The day; a line that has expired is not named. None names every line.
        """
        severity = decision.crisis.severity
        return self.protocol.reply(decision.subject, severity, decision.language, locale, today)

    def safe_reply(
        self, decision: Decision, locale: str | None = None, today: dt.date | None = None
    ) -> str:
        """Return the reply that takes a blocked one's place; crisis-aware by the user's decision."""
        if severity_rank(decision.crisis.severity) >= _HIGH:
            return self.protocol_reply(decision, locale, today)
        return self.protocol.blocked(decision.language, locale, today)

    def _decide(
        self, text: str, role: str, context: str | None, carried: Collection[str]
    ) -> tuple[Decision, frozenset[str]]:
        """Return the decision and the crisis components seen, for the turns to come."""
        read = self._read(text, context)
        ours = role == "assistant"
        assessed = self._crisis(read, ours, carried)
        private = self._personal(text, read.text)
        found = Findings(
            crisis=self._recommended(assessed),
            toxicity=toxicity.assess(read.hits, read.scores, self._thresholds),
            pii=self.protocol.checked(private, read.text.plain) if ours else private,
            bias=bias.assess(read.hits, read.scores, self._thresholds),
            appropriateness=(
                appropriateness.assess(read.hits, read.scores, self._thresholds) if ours else None
            ),
        )
        decision = Decision(
            action=outcome.action(found),
            subject=assessed.subject,
            language=read.language,
            crisis=found.crisis,
            pii=found.pii,
            bias=found.bias,
            toxicity=found.toxicity,
            appropriateness=found.appropriateness,
            gates=gates.assess(found, read.hits, len(text), self._max_characters),
            reasons=outcome.reasons(found),
            redacted=pii.Placeholders().replace(text, found.pii),
            digest=self.digest,
        )
        return decision, assessed.components

    def _read(self, text: str, context: str | None) -> Reading:
        views = normalise.normalise(text)
        hits = self._spoken.scan(views.folded.text)
        before = normalise.normalise(context).folded.text if context else ""
        row = features.row(views.folded.text, features.told(hits), self._scorer.bits, before)
        return Reading(
            views,
            hits,
            self._scorer.score(row),
            language.detect(views.plain.text, self._lexicon.common),
        )

    def _crisis(self, read: Reading, ours: bool, carried: Collection[str]) -> crisis.Assessment:
        """Assess the writer's danger; our own replies have none.

        A text in another language is unscored, unless something said outright in it is high by itself:
        an English cry for help stays one beside a clause that is not, or with many misspellings.
        """
        if read.language != language.ENGLISH:
            silent = dict.fromkeys(read.scores, 0.0)
            outright = crisis.assess(read.hits, silent, self._thresholds, carried)
            if not ours and severity_rank(outright.finding.severity) >= _HIGH:
                return outright
            return crisis.Assessment(crisis.unscored(), Subject.NONE, frozenset())
        if ours:
            return crisis.Assessment(CrisisFinding(confidence=1.0), Subject.NONE, frozenset())
        return crisis.assess(read.hits, read.scores, self._thresholds, carried)

    def _recommended(self, assessed: crisis.Assessment) -> CrisisFinding:
        severity = assessed.finding.severity
        actions = self.protocol.recommended(assessed.subject, severity)
        return msgspec.structs.replace(assessed.finding, actions=actions)

    def _personal(self, text: str, views: normalise.Normalised | None = None) -> list[PiiSpan]:
        plain = (views or normalise.normalise(text)).plain
        return pii.detect(self.candidates(pii.lined(text, plain)), self._tagger)

    def _over(self, turns: Sequence[Message]) -> Decision:
        decisions: list[Decision] = []
        carried: frozenset[str] = frozenset()
        said: str | None = None
        for turn in turns:
            ours = turn.role == "assistant"
            decision, seen = self._decide(turn.content, turn.role, said if ours else None, carried)
            carried |= seen
            said = said if ours else turn.content
            decisions.append(decision)
        return conversation.merge(turns, decisions)

    def _closed(self, decide: Callable[[], Decision], text: str) -> Decision:
        try:
            return decide()
        except Exception as error:  # noqa: BLE001 - whatever breaks, the message must not pass
            at = [
                f"{Path(frame.filename).stem}.{frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)[1:]
            ]
            kind = type(error).__name__
            _LOG.error("filter failed", error=kind, at=" > ".join(at), characters=len(text))
            return outcome.blocked(self.digest)
