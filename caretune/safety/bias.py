"""Bias: an identity with a generalising or excluding predicate, never the identity alone."""

from collections.abc import Sequence

from caretune.safety.decision import BiasFinding
from caretune.safety.heads import Scores
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import BiasLevel, BiasType

HEAD = "bias"
LEVELS = (BiasLevel.NONE, BiasLevel.LOW, BiasLevel.MEDIUM, BiasLevel.HIGH, BiasLevel.CRITICAL)
_DECIDES = 3
_MITIGATION = {
    BiasType.ABILITY: "Speak of what the person does and wants, not of a condition as a limit.",
    BiasType.AGE: "Drop the age; ask what this person can and wants to do.",
    BiasType.CULTURAL: "Ask what the custom means to this person instead of judging a culture.",
    BiasType.GENDER: "Drop the role; say the same sentence with another gender and see if it holds.",
    BiasType.LANGUAGE: "Judge what is said, not accent, grammar or mother tongue.",
    BiasType.RACIAL: "Take the group out; speak of this person and of what happened.",
    BiasType.SOCIOECONOMIC: "Name the circumstance, not a flaw of those who live in it.",
}


def assess(hits: Sequence[Hit], scores: Scores, thresholds: Scores) -> BiasFinding:
    """Assess one message."""
    family = [hit.pattern for hit in hits if hit.pattern.family == "bias"]
    witness = any(pattern.component == "exempt" for pattern in family)
    named = [pattern for pattern in family if pattern.weight and not witness]
    decisive = [pattern for pattern in named if pattern.weight >= _DECIDES]
    score = scores[HEAD]
    if not decisive and score < thresholds[HEAD]:
        return BiasFinding(confidence=round(1.0 - score, 4))
    # The type whose identity was named counts: by heads alone 48 % of 210 were named right, so 76 %.
    spoken = {BiasType(p.type) for p in family if p.component == "identity"} or set(BiasType)
    first = max(sorted(spoken), key=lambda kind: scores[f"bias/{kind}"])
    types = {BiasType(p.type) for p in named if p.type != "any"} | {first}
    level = max(_predicted(scores), max((pattern.weight for pattern in decisive), default=0))
    return BiasFinding(
        types=sorted(str(kind) for kind in types),
        level=LEVELS[level],
        confidence=round(max(score, 0.9 if decisive else 0.0), 4),
        mitigation=_MITIGATION[first],
    )


def _predicted(scores: Scores) -> int:
    """Return the likeliest level, at least low: the ordinal heads say P(level >= word)."""
    return 1 + sum(scores[f"bias_level/{word}"] >= 0.5 for word in LEVELS[2:])  # noqa: PLR2004
