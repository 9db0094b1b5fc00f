"""Parameters of the `train` stage."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from caretune.params.section import Count, Positive, PositiveFloat, Rate, Section, Weight, check


class MoeLora(Section):
    """Mixture of LoRA experts; its total rank is (experts + shared) * rank."""

    rank: Positive
    """Rank of each expert."""
    experts: list[str]
    """Expert names: the domains of the data, then `general`."""
    top_k: Positive
    """Experts a token uses."""
    shared_experts: Count
    """Experts every token uses, with gate 1."""
    load_balance_weight: Weight
    """Weight of the load-balance loss; larger spreads tokens more evenly."""
    z_weight: Weight
    """Weight of the router z-loss; larger keeps router logits small."""
    domain_weight: Weight
    """Weight of the cross-entropy between router and row domain."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names, top_k = self.experts, self.top_k
        twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
        check(
            (top_k <= len(names), "top_k", f"at most the number of experts {len(names)}", top_k),
            (not twice, "experts", "distinct names", f"{twice} more than once"),
        )
        return self


class Train(Section):
    """How both adapters are trained; `lora` has the total rank of `moe_lora`."""

    learning_rate: PositiveFloat
    steps: Positive
    """Optimiser steps."""
    batch_size: Positive
    """Rows a forward pass."""
    accumulation: Positive
    """Forward passes an optimiser step."""
    max_length: Annotated[int, Field(ge=16)]
    """Longest row in tokens; a longer one loses its oldest turns."""
    warmup_steps: Count
    weight_decay: Weight
    dropout: Rate
    """LoRA dropout."""
    alpha_per_rank: PositiveFloat
    """LoRA alpha over rank: the scale of the adapter's update."""
    max_grad_norm: PositiveFloat
    evaluations: Positive
    """Validations over the run; each writes a checkpoint, the best one is released."""
    gradient_checkpointing: bool
    """Recompute activations in the backward pass: less memory, more time."""
    target_modules: list[str]
    """Linear layers that get an adapter; one missing from the base is an error."""
    schedule: Literal["cosine", "linear", "constant"]
    seed: Count
    threads: Positive
    """CPU threads; another number gives other bytes."""
    moe_lora: MoeLora

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        steps, warmup, evaluations = self.steps, self.warmup_steps, self.evaluations
        check(
            (warmup < steps, "warmup_steps", f"less than steps {steps}", warmup),
            (evaluations <= steps, "evaluations", f"at most steps {steps}", evaluations),
        )
        return self
