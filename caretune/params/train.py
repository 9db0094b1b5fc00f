"""Parameters of the `train` stage."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from caretune.params.section import Count, Positive, Rate, Section, check

Weight = Annotated[float, Field(ge=0)]


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
        names = self.experts
        twice = sorted({name for name in names if names.count(name) > 1})
        check(
            (
                self.top_k <= len(names),
                f"top_k: expected at most the number of experts {len(names)}, got {self.top_k}",
            ),
            (not twice, f"experts: expected distinct names, got {', '.join(twice)} more than once"),
        )
        return self


class Train(Section):
    """How both adapters are trained; `lora` has the total rank of `moe_lora`."""

    learning_rate: Annotated[float, Field(gt=0)]
    steps: Positive
    """Optimiser steps."""
    batch_size: Positive
    """Rows a forward pass."""
    accumulation: Positive
    """Forward passes an optimiser step."""
    max_length: Annotated[int, Field(ge=16)]
    """Longest row in tokens; a longer one loses its oldest turns."""
    warmup_steps: Count
    weight_decay: Annotated[float, Field(ge=0)]
    dropout: Rate
    """LoRA dropout."""
    alpha_per_rank: Annotated[float, Field(gt=0)]
    """LoRA alpha over rank: the scale of the adapter's update."""
    max_grad_norm: Annotated[float, Field(gt=0)]
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
        check(
            (
                self.warmup_steps < self.steps,
                f"warmup_steps: expected less than steps {self.steps}, got {self.warmup_steps}",
            ),
            (
                self.evaluations <= self.steps,
                f"evaluations: expected at most steps {self.steps}, got {self.evaluations}",
            ),
        )
        return self
