"""Parameters of the `evaluate` stage."""

from typing import Annotated

from pydantic import Field

from caretune.params.section import Count, Positive, Section


class Evaluate(Section):
    """What is measured on the test split, and how surely."""

    seed: Count
    """Seed of the bootstrap and of the ranks by which conversations and replies are chosen."""
    resamples: Annotated[int, Field(ge=100)]
    """Bootstrap resamples of families."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    """Level of the two-sided intervals."""
    max_conversations: Positive
    """Test conversations scored for NLL, ranked by hash."""
    generated_replies: Positive
    """Test conversations that get a generated reply; crisis rows first, at most half."""
    max_new_tokens: Positive
    """Longest generated reply, in tokens."""
    batch_size: Positive
    """Rows a forward pass."""
    threads: Positive
