"""What happens beside the training steps: figures, checkpoints and the time taken."""

# ruff: noqa: ARG002 - transformers gives every callback the same arguments by name

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvclive.live import Live
from transformers import TrainerCallback

from caretune.model import adapter
from caretune.training.moe_trainer import VALIDATION_NLL

_NAMES = {
    "nll": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    VALIDATION_NLL: "validation_nll",
}
_ROUTER = ("router/", "eval_router/")


class History(TrainerCallback):
    """Keeps one row a logged step, and shows it to dvclive as it comes; no wall time is kept."""

    def __init__(self, live: Live) -> None:
        self.rows: dict[int, dict[str, float]] = {}
        self._live = live

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the figures of a step to its row."""
        figures = {
            _NAMES.get(name, name.replace("eval_", "validation_")): value
            for name, value in kwargs["logs"].items()
            if name in _NAMES or name.startswith(_ROUTER)
        }
        if not figures:
            return
        row = self.rows.setdefault(state.global_step, {"step": state.global_step})
        row.update(figures)
        self._live.step = state.global_step
        for name, value in figures.items():
            self._live.log_metric(name, value)
        self._live.make_summary()


class Checkpoints(TrainerCallback):
    """Validates at equal distances and writes the adapter each time: the last, and the best."""

    def __init__(self, steps: int, evaluations: int, out: Path) -> None:
        self.best_step = 0
        self.best_nll = float("inf")
        self._places = {round(steps * turn / evaluations) for turn in range(1, evaluations + 1)}
        self._out = out

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a validation where one is due."""
        control.should_evaluate = state.global_step in self._places

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write what was just validated; before the first step there is nothing to write."""
        if state.global_step == 0:
            return
        metrics: Mapping[str, float] = kwargs["metrics"]
        adapter.save(kwargs["model"], self._out / "last")
        if metrics[VALIDATION_NLL] < self.best_nll:
            self.best_step, self.best_nll = state.global_step, metrics[VALIDATION_NLL]
            adapter.save(kwargs["model"], self._out / "best")


class Stopwatch(TrainerCallback):
    """Measures the training steps alone, without validations and checkpoints."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the watch."""
        self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the step."""
        self.seconds += time.perf_counter() - self._begun
