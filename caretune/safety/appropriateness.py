"""Fitness of a reply of ours, in its context: nine violations.

A reply that soothes is only minimising where the context speaks of danger; the context's words are
features of their own beside the reply's.
"""

from collections.abc import Sequence

from caretune.safety.decision import AppropriatenessFinding
from caretune.safety.heads import Scores
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import Violation

HEAD = "inappropriate"
CRITICAL = frozenset(
    {Violation.HARMFUL_ADVICE, Violation.MINIMISING_CRISIS, Violation.PROMISE_OF_SECRECY}
)
"""Violations that may cost a life; a reply with one of them never goes out."""

_DECIDES = 2
_OUTRIGHT = 3
"""Weight that stands whatever else a reply says. A lighter pattern gives way to an exempt one, unless
it may cost a life: kind words do not mend a promise of secrecy."""


def assess(hits: Sequence[Hit], scores: Scores, thresholds: Scores) -> AppropriatenessFinding:
    """Assess one reply."""
    family = [hit.pattern for hit in hits if hit.pattern.family == "appropriateness"]
    exempt = any(pattern.component == "exempt" for pattern in family)
    decisive = [
        pattern
        for pattern in family
        if pattern.weight >= (_OUTRIGHT if exempt and pattern.type not in CRITICAL else _DECIDES)
    ]
    score = scores[HEAD]
    if not decisive and score < thresholds[HEAD]:
        return AppropriatenessFinding(score=round(score, 4))
    chances = {kind: scores[f"violation/{kind}"] for kind in Violation}
    kinds = {Violation(pattern.type) for pattern in decisive} or set(Violation)
    grave = kinds & CRITICAL if decisive else frozenset[Violation]()
    violation = max(sorted(grave or kinds), key=lambda kind: chances[kind])
    return AppropriatenessFinding(
        False, str(violation), round(max(score, 0.9 if decisive else 0.0), 4)
    )
