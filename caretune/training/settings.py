"""How an adapter is trained, and how its training is run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from transformers import TrainerCallback

from caretune.training.budget import Limits
from caretune.training.objectives import Weights


@dataclass(frozen=True)
class Settings:
    """How an adapter is trained; every field but the adapter's own shapes its weights.

    `caretune.params.train.Train` says more of each field.
    """

    learning_rate: float
    schedule: str
    """cosine, linear, constant or plateau, after the warm-up."""
    steps: int
    """Optimiser steps."""
    warmup_steps: int
    batch_size: int
    """Rows a forward pass."""
    accumulation: int
    """Forward passes an optimiser step."""
    max_length: int
    """Longest row, in tokens."""
    weight_decay: float
    max_grad_norm: float
    evaluations: int
    """Validations over the run, the last after the last step."""
    gradient_checkpointing: bool
    seed: int
    packing: bool = False
    plateau_factor: float = 0.5
    """What the schedule `plateau` multiplies the rate by."""
    plateau_patience: int = 1
    """Validations without a better score before that."""
    objectives: Weights | None = None
    """What is learnt and measured beside the next token; None: nothing."""
    selection: Mapping[str, float] = field(default_factory=lambda: {"nll": 1.0})
    """Weights of nll, safety and coherence in the validation score."""
    patience: int | None = None
    """Validations without a better score after which the training stops."""
    min_gain: float = 0.0
    """The least by which a score must be lower to count as better, for patience alone."""


@dataclass(frozen=True)
class Operation:
    """How a training is run; nothing here shapes its weights."""

    checkpoint_steps: int = 100
    """Steps from one resume state to the next."""
    limits: Limits = field(default_factory=Limits)
    workers: int = 0
    """Processes that make batches; 0 makes them in the trainer."""
    pin_memory: bool = False
    prefetch: int = 2
    """Batches a worker makes ahead."""
    callbacks: tuple[TrainerCallback, ...] = ()
    """What else watches, such as alerts and trackers."""
