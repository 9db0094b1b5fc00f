"""Toxic speech: the head decides; threats, slurs and dehumanising hate decide by themselves.

Speech that somebody reports, or turns against themselves, is not theirs to be blamed for: an exempt
pattern takes the pattern's own voice away, the head has learned the rest.
"""

from collections.abc import Sequence

from caretune.safety.decision import ToxicityFinding
from caretune.safety.heads import Scores
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import ToxicityKind

HEAD = "toxic"
_DECIDES = 3


def assess(hits: Sequence[Hit], scores: Scores, thresholds: Scores) -> ToxicityFinding:
    """Assess one message."""
    family = [hit.pattern for hit in hits if hit.pattern.family == "toxicity"]
    exempt = any(pattern.component == "exempt" for pattern in family)
    decisive = [pattern for pattern in family if pattern.weight >= _DECIDES and not exempt]
    score = scores[HEAD]
    toxic = bool(decisive) or score >= thresholds[HEAD]
    if not toxic:
        return ToxicityFinding(score=round(score, 4))
    chances = {kind: scores[f"toxicity/{kind}"] for kind in ToxicityKind if kind != "none"}
    kind = decisive[0].type if decisive else max(chances, key=lambda kind: chances[kind])
    return ToxicityFinding(True, str(kind), round(max(score, 0.9 if decisive else 0.0), 4))
