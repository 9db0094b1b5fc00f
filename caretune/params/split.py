"""Parameters of the `split` stage."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from caretune.params.section import Count, Positive, PositiveRate, Rate, Section, check


class Split(Section):
    """How families are found and cut."""

    seed: Count
    """Families are ranked by sha256(seed, family)."""
    train_rate: Rate
    """Share of rows in train; rounded down."""
    validation_rate: Rate
    """Share of rows in validation; rounded down. The rest is test."""
    near_duplicate_similarity: PositiveRate
    """Rows at or above this Jaccard similarity of word 3-grams, over all words or over the client's,
    are one family."""
    permutations: Annotated[int, Field(ge=16)]
    """MinHash permutations; more find twins more surely and take longer."""
    band: Annotated[int, Field(ge=1, le=4)]
    """Permutations a band: 2 finds fainter likenesses, 3 is far quicker above 100,000 rows."""
    expert_size: Positive
    """Replies wanted in the expert set; at most a third of validation and test families give one."""
    expert_crisis_rate: Rate
    """Share of the expert set drawn from crisis conversations."""

    @model_validator(mode="after")
    def _leaves_a_test_split(self) -> Self:
        train, validation = self.train_rate, self.validation_rate
        due = f"less than 1 together with validation_rate {validation}"
        check((train + validation < 1, "train_rate", due, train))
        return self
