"""What a training may take: a window of time, and an amount of money."""

# ruff: noqa: ARG002 - transformers gives every callback the same arguments by name

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import distributed as dist
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from caretune.errors import StoppedError

_KEPT = "nothing is lost. Run `dvc repro` again to go on."
_SPENT = "nothing is lost. Raise params.train.max_cost_usd, then run `dvc repro` to go on."


@dataclass(frozen=True)
class Limits:
    """The most that one training may take; None = no limit."""

    window_s: float | None = None
    """Seconds of one run, from its first step."""
    max_cost_usd: float | None = None
    """US dollars of all runs of the training together."""
    usd_per_hour: float = 0.0
    """Price of the device."""

    def exceeded(self, seconds: float) -> bool:
        """Tell whether so many seconds of all runs together cost more than they may."""
        return self.max_cost_usd is not None and self.usd(seconds) > self.max_cost_usd

    def usd(self, seconds: float) -> float:
        """Return the price of a time in US dollars."""
        return seconds / 3600 * self.usd_per_hour


def check(limits: Limits, folder: Path, steps: int) -> None:
    """Check that one more step of an interrupted training is paid for, before anything is loaded.

    Args:
        limits: Of the run that is to begin.
        folder: Resume state; what its newest checkpoint says counts, sealed or not: it was spent.
        steps: After so many the training needs no more, and only publishes.

    Raises:
        StoppedError: That step would end beyond `max_cost_usd`.
    """
    spent = {}
    for file in folder.glob("checkpoint-*/progress.json"):  # of callbacks.Keeper
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))["callbacks"][Budget.__name__]
        except (OSError, ValueError, KeyError):  # a kill left it in pieces
            continue
        spent[int(file.parent.name.rpartition("-")[2])] = kept
    if not spent or max(spent) >= steps:
        return
    newest = spent[max(spent)]
    if limits.exceeded(sum(newest.values())):
        usd = limits.usd(newest["seconds_before"])
        raise StoppedError(
            f"not begun: {usd:.4g} of {limits.max_cost_usd:g} US dollars "
            f"(params.train.max_cost_usd) are spent, and the next step would go beyond; {_SPENT}"
        )


class Budget(TrainerCallback, ExportableState):
    """Stops a training before the step that would end beyond a limit, and has its state kept.

    The longest step and the longest checkpoint so far stand for the next ones.
    """

    def __init__(self, limits: Limits) -> None:
        self.reason: str | None = None
        """Which limit stopped the run and what to do, or None."""
        self.seconds_before = 0.0
        """Of the earlier runs of this training."""
        self._limits = limits
        self._begun: float | None = None
        self._step_begun = 0.0
        self._step_ended = 0.0
        self.longest_step = 0.0
        """Seconds."""
        self.longest_pause = 0.0
        """Seconds between two steps: of a validation or a checkpoint."""

    @property
    def seconds(self) -> float:
        """Seconds from the first step of all runs, this one included."""
        return self.seconds_before + self._elapsed()

    def state(self) -> dict[str, Any]:
        """Give the time that all runs took so far, and what a step and a pause may take."""
        return {
            "attributes": {
                "seconds_before": self.seconds,
                "longest_step": self.longest_step,
                "longest_pause": self.longest_pause,
            }
        }

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to count at the first step; what lies between two steps is a validation or a save."""
        self._step_begun = time.monotonic()
        if self._begun is None:
            self._begun = self._step_begun
        else:
            self.longest_pause = max(self.longest_pause, self._step_begun - self._step_ended)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop and save where the next step would end too late."""
        self._step_ended = time.monotonic()
        self.longest_step = max(self.longest_step, self._step_ended - self._step_begun)
        if state.global_step >= state.max_steps:
            return
        ahead = self.longest_step + self.longest_pause
        window, most = self._limits.window_s, self._limits.max_cost_usd
        if window is not None and self._elapsed() + ahead > window:
            hours = f"{window / 3600:g} hours (params.train.window_hours)"
            self.reason = f"the window of {hours}; {_KEPT}"
        # Both at once: another window alone would not do.
        if self._limits.exceeded(self.seconds + ahead):
            self.reason = f"the budget of {most:g} US dollars (params.train.max_cost_usd); {_SPENT}"
        if dist.is_initialized():
            # The first process decides for all, or the others would wait for it forever.
            told = [self.reason]
            dist.broadcast_object_list(told)
            self.reason = told[0]
        if self.reason:
            control.should_save = control.should_training_stop = True

    def _elapsed(self) -> float:
        return 0.0 if self._begun is None else time.monotonic() - self._begun
