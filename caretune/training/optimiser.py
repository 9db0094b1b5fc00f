"""What moves the weights: which of them decay, how fast they move, and when they stay."""

# ruff: noqa: ARG002 - transformers gives every callback the same arguments by name

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

LEFT_OUT = "steps_left_out"
"""Name under which the count of left out steps is logged."""
_MATRIX = 2
_ROUTER = ".moelora_router."


def decayed(model: nn.Module) -> list[str]:
    """Return the names of the parameters that weight decay shrinks: the adapter's matrices.

    Routers and vectors stay: a router's few weights say which expert a token gets, and its own
    z-loss keeps its logits small.
    """
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.dim() >= _MATRIX and _ROUTER not in name
    ]


class Plateau(ReduceLROnPlateau):
    """Rises linearly over the warm-up, then falls by a factor whenever validations stop gaining.

    Trainer steps it after each validation, and not after each step; `WarmUp` sets the rates of the
    warm-up, whose validations count for nothing. `state_dict` holds plain numbers, and with the
    optimiser's own state all that a resumed run needs.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, *, warmup_steps: int, factor: float, patience: int
    ) -> None:
        """Begin the warm-up.

        Args:
            optimizer: Its groups hold the peak rates.
            warmup_steps: Steps of the rise from 0.
            factor: What the rates are multiplied by.
            patience: Validations without a better score that are let pass; the next one lowers
                the rates.
        """
        super().__init__(optimizer, factor=factor, patience=patience, threshold=0.0)
        self.warmup_steps = warmup_steps
        self.peaks = [float(group["lr"]) for group in optimizer.param_groups]
        self.begun = 0
        """The step that began last, from 0."""
        self.begin(0)

    def begin(self, step: int) -> None:
        """Set the rates of a step of the warm-up, as transformers does: `step / warmup_steps`."""
        self.begun = step
        if step > self.warmup_steps:
            return
        share = step / self.warmup_steps if self.warmup_steps else 1.0
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * share

    def step(self, metrics: Any, epoch: Any = None) -> None:  # type: ignore[override] # as torch's
        """Take note of a validation score, lower being better, once the warm-up is over."""
        if self.begun >= self.warmup_steps:
            super().step(metrics, epoch)


class WarmUp(TrainerCallback):
    """Tells a `Plateau` of each step that begins."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Set the rates of the step."""
        kwargs["lr_scheduler"].begin(state.global_step)


class NonFiniteSteps(TrainerCallback, ExportableState):
    """Leaves out the steps whose gradient is no number, and counts them.

    Without it one such step ends a training: AdamW carries NaN into weights and moments, and
    clipping does not help, for it multiplies a gradient by `max_norm / norm`. That makes all of it
    NaN where the norm is NaN; where the norm is infinite, infinite elements become NaN and finite
    ones 0. So an all-zero gradient counts too: it is what clipping leaves of finite elements whose
    norm overflows. (`rows.prepare` lets no row through that has nothing to train.)
    """

    def __init__(self) -> None:
        self.count = 0

    def state(self) -> dict[str, Any]:
        """Give the count."""
        return {"attributes": {"count": self.count}}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the gradients away: AdamW passes over parameters that have none."""
        given = [p for group in kwargs["optimizer"].param_groups for p in group["params"]]
        norm: Any = nn.utils.get_total_norm([p.grad for p in given if p.grad is not None])
        # FSDP shards gradients; every rank must come to the same answer.
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        if torch.isfinite(norm) and norm > 0:
            return
        self.count += 1
        for parameter in given:
            parameter.grad = None

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the count to the figures of the step, for the callbacks that come after this one."""
        kwargs["logs"][LEFT_OUT] = self.count
