"""What a training came to: the content of training.json, and the time it took."""

from typing import NamedTuple

import msgspec


class Training(msgspec.Struct, frozen=True):
    """What was trained: the content of training.json."""

    adapter: str
    steps: int
    tokens: int
    """Tokens of the trained batches, padding left out."""
    trainable_parameters: int
    train_rows: int
    validation_rows: int
    rows_cut: int
    """Train rows that lost their oldest messages to the length limit."""
    rows_clipped: int
    """Train rows whose last exchange alone was too long."""
    steps_left_out: int
    """Steps whose gradient was no number: their batch taught nothing."""
    best_step: int
    best_score: float
    """The validation score that chose it, lower is better."""
    best_validation_nll: float
    """Nats a reply token."""
    base_validation_nll: float
    """The same of the base, before the first step."""
    base_weights_sha256: str
    expert_names: list[str] | None
    domain_of_expert: dict[str, str | None] | None
    """Which domain supervised each expert; null: none did."""


class Timing(msgspec.Struct, frozen=True):
    """How long it took; never read by another stage."""

    seconds: float
    """Of all runs, each from its first step, validations included."""
    step_seconds: float
    """Mean of the optimiser steps."""
    tokens_per_second: float
    """Over the steps alone."""
    device: str
    """`cpu`, or the name of the GPU."""


class Trained(NamedTuple):
    """The outcome of a training."""

    training: Training
    history: list[dict[str, float]]
    """One row a logged step; step 0 is the base."""
    timing: Timing
