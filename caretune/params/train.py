"""Parameters of the `train` stage.

The fields of `OPERATION` say how a training is run and never what comes out of it: dvc.yaml names
all others, so that another window, price, alert or tracker reruns nothing.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from caretune.params.section import Count, Positive, PositiveFloat, Rate, Section, Weight, check

OPERATION = (
    "alerts",
    "checkpoint_steps",
    "loader",
    "max_cost_usd",
    "prices_usd_per_hour",
    "tracker",
    "window_hours",
)
"""Fields that shape no weight: no params of the DVC stage, no part of a checkpoint's fingerprint."""


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
    router_per: Literal["block", "module"]
    """One router for all layers of a decoder block, or one for each layer: slower, freer."""
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


class Objectives(Section):
    """What is learnt beside the next token of a reply; a weight of 0 switches one off."""

    crisis_weight: PositiveFloat
    """Weight of a reply token in a row of high or imminent severity, others having 1."""
    safety_weight: Weight
    """Of the likelihood, relative to the base, rising on appropriate replies and falling on others."""
    safety_scale: PositiveFloat
    """Steepness of that loss per nat a token; larger asks for smaller changes."""
    coherence_weight: Weight
    """Of the margin between a context's own reply and one from another conversation."""
    coherence_margin: PositiveFloat
    """Nats a token by which the own reply should be the likelier one."""
    interval: Positive
    """Steps from one safety and coherence batch to the next; their weight is not spread over them."""
    batch_size: Positive
    """Replies of such a batch."""
    max_length: Annotated[int, Field(ge=16)]
    """Longest context and reply of such a batch, in tokens."""


class Selection(Section):
    """The validation score, a weighted sum; the checkpoint with the lowest is released."""

    nll: Weight
    """Weight of the response NLL, nats a token."""
    safety: Weight
    """Weight of the safety loss on the held-out labelled replies."""
    coherence: Weight
    """Weight of the coherence loss on the validation conversations."""
    patience: Positive | None
    """Validations without a better score after which the training stops; null: it goes on."""
    min_gain: Weight
    """The least by which a score must be lower to count as better, for patience alone."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        total = self.nll + self.safety + self.coherence
        check((total > 0, "nll", "at least one weight of nll, safety, coherence above 0", 0))
        return self


class Plateau(Section):
    """The schedule `plateau`: the rate falls when the validation score no longer does."""

    factor: Rate
    """What the rate is multiplied by."""
    patience: Count
    """Validations without a better score before that."""


class Loader(Section):
    """How rows reach the trainer; none of it changes their bytes or order."""

    workers: Count
    """Processes that make batches; 0 makes them in the trainer."""
    pin_memory: bool
    """Keep batches where a GPU copies them from quickly."""
    prefetch: Positive
    """Batches a worker makes ahead; used with workers only."""


class Alerts(Section):
    """When a training calls for somebody; docs/runbooks has a page for each rule."""

    loss_spike_ratio: PositiveFloat
    """Training loss over the median of the last 20 logged ones."""
    validation_rise: PositiveFloat
    """Nats a token by which the validation NLL stands above its best."""
    min_expert_load: Rate
    """Smallest share of the gates that an expert with rows of its own may get."""
    max_expert_load: Rate
    """Largest share of the gates that an expert may get."""
    max_slowdown_ratio: PositiveFloat
    """Seconds a step over the median of the run so far."""
    max_memory_rate: Rate
    """Share of the machine's (a GPU's) memory in use."""
    max_skipped_steps: Count
    """Steps left out because a gradient was no number."""
    max_unsafe_reply_rate: Rate
    """Share of the evaluation's sample replies that the filters block or replace."""
    repeat_minutes: Positive
    """An alert of the same rule is told again only after so long."""
    file: str | None
    """JSONL file that alerts are added to; null: none. A webhook comes from CARETUNE_ALERT_WEBHOOK."""


class Train(Section):
    """How both adapters are trained; `lora` has the total rank of `moe_lora`."""

    learning_rate: PositiveFloat
    steps: Positive
    """Optimiser steps."""
    batch_size: Positive
    """Rows a forward pass; halved, and accumulation doubled, where it does not fit a GPU's memory."""
    accumulation: Positive
    """Forward passes an optimiser step."""
    max_length: Annotated[int, Field(ge=16)]
    """Longest row in tokens; a longer one loses its oldest turns."""
    packing: bool
    """Join rows up to max_length, none cut and none seeing another; with SDPA take batch_size 1."""
    warmup_steps: Count
    weight_decay: Weight
    """Of the experts' matrices; routers and vectors have none."""
    dropout: Rate
    """LoRA dropout."""
    alpha_per_rank: PositiveFloat
    """LoRA alpha over rank: the scale of the adapter's update."""
    rslora: bool
    """Divide alpha by the root of the rank instead of the rank (arXiv 2312.03732)."""
    max_grad_norm: PositiveFloat
    evaluations: Positive
    """Validations over the run; the best of them is released."""
    gradient_checkpointing: bool
    """Recompute activations in the backward pass: less memory, more time."""
    target_modules: list[str]
    """Linear layers that get an adapter; one missing from the base is an error."""
    schedule: Literal["cosine", "linear", "constant", "plateau"]
    """Of the learning rate, after the warm-up."""
    plateau: Plateau
    device: Literal["auto", "cpu", "cuda"]
    """`auto` takes a GPU where there is one; one asked for by name and absent is an error."""
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"]
    """`auto` takes flash attention where it is installed and the device has it, else SDPA."""
    seed: Count
    threads: Positive
    """CPU threads; another number gives other bytes."""
    moe_lora: MoeLora
    objectives: Objectives
    selection: Selection
    # Of OPERATION from here on.
    checkpoint_steps: Positive
    """Steps from one resume state to the next."""
    window_hours: PositiveFloat | None
    """Hours from the first step after which a run stops and keeps its state; null: no limit."""
    max_cost_usd: PositiveFloat | None
    """US dollars that one training may cost over all its runs; null: no limit."""
    prices_usd_per_hour: dict[str, PositiveFloat]
    """Price of a device by name: `cpu` for this machine, else a part of the GPU's name."""
    loader: Loader
    alerts: Alerts
    tracker: Literal["none", "wandb"]
    """Where figures go beside dvclive; `wandb` follows WANDB_MODE (offline needs no account)."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        steps, warmup, evaluations = self.steps, self.warmup_steps, self.evaluations
        check(
            (warmup < steps, "warmup_steps", f"less than steps {steps}", warmup),
            (evaluations <= steps, "evaluations", f"at most steps {steps}", evaluations),
        )
        return self
