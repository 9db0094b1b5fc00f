"""Parameters of the `augment` stage."""

from caretune.params.section import Count, Rate, Section


class Augment(Section):
    """How many children a train row gets, and of which kind."""

    seed: Count
    """Every child's randomness derives from (seed, parent id, strategy)."""
    max_children: Count
    """At most this many children a parent."""
    context_expansion: Rate
    """Probability that a parent gets a child with an added context turn."""
    crisis_scenarios: Rate
    """Probability that a parent gets a sibling dialogue of the 8 x 4 crisis scenarios."""
    dialogue_variation: Rate
    """Probability of a child with another opening, length or closing."""
    paraphrase: Rate
    """Probability of a child in other words; crisis wording is kept to the letter."""
    demographic_diversity: Rate
    """Probability of a child whose client has another stated background."""
