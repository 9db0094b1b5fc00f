"""What the filters say of a message: the `caretune scan` object, one struct a part."""

import msgspec

STEPS = ("crisis", "toxicity", "privacy", "bias", "appropriateness", "redaction")
"""The steps of the chain, in order; a decision's reasons are those that found something."""


class PiiSpan(msgspec.Struct, frozen=True):
    """Personal data from code point `start` up to `end` of the original; score 1.0 = certain."""

    type: str
    start: int
    end: int
    score: float


class CrisisFinding(msgspec.Struct, frozen=True):
    """Crisis signs; `confidence` 1.0 = sure of the severity, `indicators` are pattern names."""

    types: list[str] = []
    severity: str = "none"
    timeline: str = "none"
    protective: list[str] = []
    indicators: list[str] = []
    confidence: float = 0.0
    actions: list[str] = []


class BiasFinding(msgspec.Struct, frozen=True):
    """Biased generalisations; `mitigation` is advice for the writer of a reply."""

    types: list[str] = []
    level: str = "none"
    confidence: float = 0.0
    mitigation: str | None = None


class ToxicityFinding(msgspec.Struct, frozen=True):
    """Toxicity; score 0.0 = surely harmless, 1.0 = surely toxic."""

    toxic: bool = False
    kind: str = "none"
    score: float = 0.0


class AppropriatenessFinding(msgspec.Struct, frozen=True):
    """Fitness of a reply; score 0.0 = surely fit, 1.0 = surely unfit."""

    appropriate: bool = True
    violation: str = "none"
    score: float = 0.0


class GateFinding(msgspec.Struct, frozen=True):
    """One gate's answer."""

    gate: str
    passed: bool
    level: str
    confidence: float
    recommendation: str


class Turns(msgspec.Struct, frozen=True):
    """Turns (from 0) where risk was first and worst; null where there was none."""

    first: int | None
    worst: int | None


class Decision(msgspec.Struct, frozen=True, omit_defaults=False):
    """One decision a message, or a conversation; docs/formats.md describes every field."""

    action: str
    subject: str
    language: str
    crisis: CrisisFinding
    pii: list[PiiSpan]
    bias: BiasFinding
    toxicity: ToxicityFinding
    appropriateness: AppropriatenessFinding | None
    gates: list[GateFinding]
    reasons: list[str]
    redacted: str
    digest: str
    domain: str | None = None
    id: str | msgspec.UnsetType = msgspec.UNSET
    turn: Turns | msgspec.UnsetType = msgspec.UNSET
