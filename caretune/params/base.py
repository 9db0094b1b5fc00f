"""Parameters of the `base` stage."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from caretune.params.section import Count, Positive, PositiveFloat, Section, Weight, check


class Rehearsal(Section):
    """The rehearsal base: a tokenizer and a small Llama trained from split/train alone."""

    vocabulary: Annotated[int, Field(ge=300)]
    """Tokens of the byte-level BPE, special tokens included."""
    hidden_size: Positive
    intermediate_size: Positive
    layers: Positive
    attention_heads: Positive
    key_value_heads: Positive
    context: Annotated[int, Field(ge=64)]
    """Longest sequence, in tokens."""
    steps: Positive
    """Optimiser steps."""
    batch_size: Positive
    """Rows a step."""
    sequence: Annotated[int, Field(ge=16)]
    """Tokens a row."""
    learning_rate: PositiveFloat
    """Peak rate of Muon, which turns the matrices of the blocks."""
    embedding_learning_rate: PositiveFloat
    """Peak rate of AdamW, for the embeddings and norms."""
    weight_decay: Weight
    """Decay of the matrices; holds back learning by heart."""
    warmup_steps: Count

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        width, heads, shared = self.hidden_size, self.attention_heads, self.key_value_heads
        row, context = self.sequence, self.context
        check(
            (width % heads == 0, "hidden_size", f"a multiple of attention_heads {heads}", width),
            (
                heads % shared == 0,
                "attention_heads",
                f"a multiple of key_value_heads {shared}",
                heads,
            ),
            (context >= row, "context", f"at least sequence {row}", context),
        )
        return self


class Base(Section):
    """Which base model is tuned."""

    source: str
    """`rehearsal`, or a hub id or local folder of a causal language model."""
    revision: str | None = None
    """Commit of a hub id; required for one, so that the weights cannot change."""
    dtype: Annotated[str, Field(pattern="^(float32|bfloat16)$")]
    """Type of the weights in memory."""
    template: str
    """Chat template file with generation marks; the same bytes train and serve."""
    end_of_turn: str
    """Token that ends an assistant turn; it must stand inside the loss mask."""
    pad: str | None = None
    """Token that pads; null takes the tokenizer's own. It must not be one that ends a reply."""
    seed: Count
    threads: Positive
    """CPU threads; another number gives other bytes."""
    rehearsal: Rehearsal
