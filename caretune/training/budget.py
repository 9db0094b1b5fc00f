"""What a training may take: a window of time, and an amount of money."""

# ruff: noqa: ARG002 - transformers gives every callback the same arguments by name

import time
from dataclasses import dataclass
from typing import Any

from torch import distributed as dist
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState


@dataclass(frozen=True)
class Limits:
    """The most that one training may take; None = no limit."""

    window_s: float | None = None
    """Seconds of one run, from its first step."""
    max_cost_usd: float | None = None
    """US dollars of all runs of the training together."""
    usd_per_hour: float = 0.0
    """Price of the device."""


class Budget(TrainerCallback, ExportableState):
    """Stops a training before the step that would end beyond a limit, and has its state kept.

    The longest step and the longest checkpoint so far stand for the next ones.
    """

    def __init__(self, limits: Limits) -> None:
        self.reason: str | None = None
        """Which limit stopped the run, or None."""
        self.seconds_before = 0.0
        """Of the earlier runs of this training."""
        self._limits = limits
        self._begun: float | None = None
        self._step_begun = 0.0
        self._step_ended = 0.0
        self._longest = 0.0
        self._longest_pause = 0.0

    @property
    def seconds(self) -> float:
        """Seconds from the first step of all runs, this one included."""
        return self.seconds_before + self._elapsed()

    def state(self) -> dict[str, Any]:
        """Give the time that all runs took so far."""
        return {"attributes": {"seconds_before": self.seconds}}

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to count at the first step; what lies between two steps is a validation or a save."""
        self._step_begun = time.monotonic()
        if self._begun is None:
            self._begun = self._step_begun
        else:
            self._longest_pause = max(self._longest_pause, self._step_begun - self._step_ended)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop and save where the next step would end too late."""
        self._step_ended = time.monotonic()
        self._longest = max(self._longest, self._step_ended - self._step_begun)
        if state.global_step >= state.max_steps:
            return
        ahead = self._longest + self._longest_pause
        window, most = self._limits.window_s, self._limits.max_cost_usd
        if window is not None and self._elapsed() + ahead > window:
            self.reason = f"the window of {window / 3600:g} hours (params.train.window_hours)"
        elif most is not None and self._usd(self.seconds + ahead) > most:
            self.reason = f"the budget of {most:g} US dollars (params.train.max_cost_usd)"
        if dist.is_initialized():
            # The first process decides for all, or the others would wait for it forever.
            told = [self.reason]
            dist.broadcast_object_list(told)
            self.reason = told[0]
        if self.reason:
            control.should_save = control.should_training_stop = True

    def _elapsed(self) -> float:
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    def _usd(self, seconds: float) -> float:
        return seconds / 3600 * self._limits.usd_per_hour
