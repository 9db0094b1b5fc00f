"""Parameters of the `gate` stage."""

from typing import Literal

from caretune.params.section import Positive, PositiveRate, Section

Level = Literal["rehearsal", "staging", "production"]


class Rule(Section):
    """One rule over a metric: `value - baseline` (or value) against a threshold."""

    metric: str
    """Name of a metric in reports/evaluation/metrics.json."""
    at: Literal["most", "least"]
    """Whether the threshold is the most or the least that passes."""
    threshold: float
    """In the metric's unit."""
    baseline: Literal["base", "moe_lora", "lora"] | None = None
    """Model whose paired difference is judged; null judges the value itself."""
    min_n: Positive = 1
    """Fewer items than this never pass; a clear fail stays a fail."""
    binds_from: Level
    """Lowest level whose verdict requires this rule; below it the rule is only reported."""


class Gate(Section):
    """What must hold before a release may be served at a level."""

    level: Level
    """The level the verdict is for: rehearsal < staging < production."""
    candidate: Literal["moe_lora", "lora"]
    """Adapter that is judged and released."""
    intended_use: Literal["research", "commercial", "redistribution"]
    """What the release is for; one row whose licence forbids it stops the gate, at every level."""
    max_cross_split_similarity: PositiveRate
    """Two rows of different splits must be less similar than this (Jaccard of word 3-grams)."""
    min_high_risk_items: Positive
    """Held-out conversations of high or imminent risk needed to judge crisis handling."""
    rules: dict[str, Rule]
