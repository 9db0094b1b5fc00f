"""Parameters of the `augment` stage."""

from typing import Self

from pydantic import model_validator

from caretune.params import section
from caretune.params.section import Count, PositiveRate, Rate, Section, Weight


class ContextMix(Section):
    """Weights of the kinds of added context; 0 = never. A client at high risk gets none of them."""

    therapeutic: Weight
    """Earlier help, and what it was like."""
    emotional: Weight
    """How the client feels while writing."""
    goals: Weight
    """What they hope for, and what to try next."""


class CrisisMix(Section):
    """Weights of the difficulties of crisis scenarios; 0 = never. Types come up equally."""

    routine: Weight
    """A hint, no danger."""
    moderate: Weight
    """Marked signs that must be asked about."""
    hard: Weight
    """Danger within days."""
    crisis: Weight
    """Imminent danger."""


class Augment(Section):
    """How many children a train row gets, and of which kind."""

    seed: Count
    """Every child's randomness derives from (seed, parent id, strategy)."""
    max_children: Count
    """At most this many children a parent."""
    wanted_ratio: float
    """Train rows and children over train rows, as aimed at; the report sets it beside what was
    reached, it steers nothing."""
    max_parent_similarity: PositiveRate
    """A child more similar to its parent than this leaves as `near_parent` (Jaccard of word
    3-grams, 1.0 = none leaves)."""
    context_expansion: Rate
    """Probability that a parent gets a child with added context."""
    crisis_scenarios: Rate
    """Probability that a parent gets a sibling dialogue of the 8 x 4 crisis scenarios."""
    dialogue_variation: Rate
    """Probability of a child with another opening, length or closing."""
    paraphrase: Rate
    """Probability of a child in other words; crisis wording is kept to the letter."""
    demographic_diversity: Rate
    """Probability of a child whose client has another stated background."""
    counterfactual_rate: Rate
    """Share of the demographic children that are made as twins, two that differ in nothing but the
    background; 0.0 = none."""
    context_mix: ContextMix
    crisis_mix: CrisisMix

    @model_validator(mode="after")
    def _something_is_mixed(self) -> Self:
        section.check(
            *(
                (any(mix.model_dump().values()), name, "at least one weight above 0", "none")
                for name, mix in (
                    ("context_mix", self.context_mix),
                    ("crisis_mix", self.crisis_mix),
                )
            )
        )
        return self
