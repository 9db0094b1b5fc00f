"""What follows from the findings: the action, the reasons, and what a chain that failed says."""

from typing import Any

from caretune.safety import appropriateness, crisis, gates, language
from caretune.safety.decision import STEPS, BiasFinding, Decision, ToxicityFinding
from caretune.safety.gates import Findings
from caretune.safety.taxonomy import Action, BiasLevel, Severity, Subject, severity_rank

_HIGH = severity_rank(Severity.HIGH)


def action(found: Findings) -> Action:
    """Return what is to be done with the message; a reply of ours is one with an appropriateness."""
    if found.appropriateness is None:
        if found.crisis.severity == Severity.UNSCORED:
            return Action.REPLACE
        if severity_rank(found.crisis.severity) >= _HIGH:
            return Action.ESCALATE
    elif _harmful(found):
        return Action.BLOCK
    elif _unfit(found) or found.crisis.severity == Severity.UNSCORED:
        return Action.REPLACE
    return Action.REDACT if found.pii else Action.ALLOW


def reasons(found: Findings) -> list[str]:
    """Return the steps that found something, in their order."""
    reply = found.appropriateness
    acted = (
        found.crisis.severity != Severity.NONE,
        found.toxicity.toxic,
        bool(found.pii),
        bool(found.bias.types),
        reply is not None and not reply.appropriate,
        bool(found.pii),
    )
    return [step for step, did in zip(STEPS, acted, strict=True) if did]


def summary(decision: Decision) -> dict[str, Any]:
    """Return the words of a decision, without its numbers: what canaries compare."""
    reply = decision.appropriateness
    return {
        "action": str(decision.action),
        "subject": str(decision.subject),
        "language": decision.language,
        "severity": str(decision.crisis.severity),
        "toxic": decision.toxicity.toxic,
        "bias": list(decision.bias.types),
        "violation": None if reply is None else reply.violation,
        "redacted": decision.redacted,
    }


def blocked(digest: str) -> Decision:
    """Return the decision of a chain that failed: nothing goes out, nothing counts as harmless.

    It has no reasons: no step found anything, and the log names the one that raised.
    """
    return Decision(
        action=Action.BLOCK,
        subject=Subject.NONE,
        language=language.UNKNOWN,
        crisis=crisis.unscored(),
        pii=[],
        bias=BiasFinding(),
        toxicity=ToxicityFinding(),
        appropriateness=None,
        gates=gates.failed(),
        reasons=[],
        redacted="",
        digest=digest,
    )


def _unfit(found: Findings) -> bool:
    """Tell whether a reply of ours is not to be sent: inappropriate, or biased at any level."""
    reply = found.appropriateness
    return bool(found.bias.types) or (reply is not None and not reply.appropriate)


def _harmful(found: Findings) -> bool:
    """Tell whether a reply of ours may do harm by itself."""
    reply = found.appropriateness
    critical = reply is not None and reply.violation in appropriateness.CRITICAL
    return (
        critical or found.toxicity.toxic or found.bias.level in {BiasLevel.HIGH, BiasLevel.CRITICAL}
    )
