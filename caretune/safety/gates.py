"""The seven gates: one answer each, with a level and what to do about it."""

from collections.abc import Sequence
from typing import NamedTuple

from caretune.safety import appropriateness
from caretune.safety.decision import (
    AppropriatenessFinding,
    BiasFinding,
    CrisisFinding,
    GateFinding,
    PiiSpan,
    ToxicityFinding,
)
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import Gate, GateLevel, Severity, Violation, severity_rank

_HIGH = severity_rank(Severity.HIGH)
_DISCLOSES = 0.5


class Findings(NamedTuple):
    """What the six steps found in one message."""

    crisis: CrisisFinding
    toxicity: ToxicityFinding
    pii: list[PiiSpan]
    bias: BiasFinding
    appropriateness: AppropriatenessFinding | None


def assess(
    found: Findings, hits: Sequence[Hit], characters: int, max_characters: int
) -> list[GateFinding]:
    """Return the seven gates in their order; `characters` is the length of the message."""
    ours = found.appropriateness is not None
    return [
        _profanity(found, hits, ours),
        _hate_speech(found),
        _medical_advice(found),
        _personal_disclosure(found, ours),
        _content_length(characters, max_characters),
        _crisis_escalation(found),
        _therapeutic_context(found),
    ]


def failed() -> list[GateFinding]:
    """Return seven gates that could not be asked, all closed."""
    advice = "a filter failed; send the safe reply and look at the log"
    return [GateFinding(gate, False, GateLevel.CRITICAL, 1.0, advice) for gate in Gate]


def _answer(
    gate: Gate, level: GateLevel | None, confidence: float, recommendation: str
) -> GateFinding:
    """Return a passed gate for level None, a failed one otherwise."""
    if level is None:
        return GateFinding(gate, True, GateLevel.INFO, confidence, "nothing to do")
    return GateFinding(gate, False, level, confidence, recommendation)


def _profanity(found: Findings, hits: Sequence[Hit], ours: bool) -> GateFinding:
    words = [
        hit for hit in hits if hit.pattern.family == "toxicity" and hit.pattern.type == "profanity"
    ]
    directed = found.toxicity.toxic and found.toxicity.kind == "profanity"
    level = (GateLevel.ERROR if ours else GateLevel.WARNING) if words or directed else None
    advice = "rewrite the reply without swearing" if ours else "let it pass; hear what is behind it"
    return _answer(
        Gate.PROFANITY, level, 0.9 if words or not directed else found.toxicity.score, advice
    )


def _hate_speech(found: Findings) -> GateFinding:
    toxicity = found.toxicity
    hateful = toxicity.toxic and toxicity.kind == "hate"
    critical = found.bias.level == "critical"
    level = GateLevel.CRITICAL if hateful else GateLevel.ERROR if critical else None
    confidence = (
        toxicity.score if hateful else found.bias.confidence if critical else 1 - toxicity.score
    )
    return _answer(
        Gate.HATE_SPEECH, level, round(confidence, 4), "do not repeat it; name the limit"
    )


def _medical_advice(found: Findings) -> GateFinding:
    reply = found.appropriateness
    failed = reply is not None and reply.violation in {
        Violation.MEDICAL_ADVICE,
        Violation.DIAGNOSIS,
    }
    score = reply.score if reply else 0.0
    return _answer(
        Gate.MEDICAL_ADVICE,
        GateLevel.ERROR if failed else None,
        score if failed else round(1 - score, 4),
        "leave medicines and diagnoses to a prescriber",
    )


def _personal_disclosure(found: Findings, ours: bool) -> GateFinding:
    sure = [span.score for span in found.pii if span.score >= _DISCLOSES]
    level = (GateLevel.ERROR if ours else GateLevel.WARNING) if sure else None
    return _answer(
        Gate.PERSONAL_DISCLOSURE, level, max(sure, default=0.9), "redact before it is kept"
    )


def _content_length(characters: int, max_characters: int) -> GateFinding:
    level = GateLevel.ERROR if characters > max_characters else None
    return _answer(Gate.CONTENT_LENGTH, level, 1.0, f"ask for at most {max_characters} characters")


def _crisis_escalation(found: Findings) -> GateFinding:
    rank = severity_rank(found.crisis.severity)
    level = GateLevel.CRITICAL if rank >= _HIGH else GateLevel.WARNING if rank else None
    advice = "answer with the protocol and bring in people" if rank >= _HIGH else "ask directly"
    return _answer(Gate.CRISIS_ESCALATION, level, found.crisis.confidence, advice)


def _therapeutic_context(found: Findings) -> GateFinding:
    reply = found.appropriateness
    if reply is None or reply.appropriate:
        confidence = 1.0 if reply is None else round(1 - reply.score, 4)
        return _answer(Gate.THERAPEUTIC_CONTEXT, None, confidence, "")
    grave = reply.violation in appropriateness.CRITICAL
    return _answer(
        Gate.THERAPEUTIC_CONTEXT,
        GateLevel.CRITICAL if grave else GateLevel.ERROR,
        reply.score,
        f"replace the reply: {reply.violation}",
    )
