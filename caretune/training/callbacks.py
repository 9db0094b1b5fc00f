"""What happens beside the training steps: figures, validations, resume states and the time taken.

What a callback must still know after a kill it gives in `state()["attributes"]`, as transformers'
ExportableState does.
"""

# ruff: noqa: ARG002 - transformers gives every callback the same arguments by name

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvclive.live import Live
from torch import distributed
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from caretune import process, records
from caretune.lineage.resume import Resume
from caretune.model import adapter
from caretune.training import probe
from caretune.training.moe_trainer import VALIDATION_NLL, VALIDATION_SCORE, MoeTrainer
from caretune.training.optimiser import LEFT_OUT

_NAMES = {
    "nll": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    VALIDATION_NLL: "validation_nll",
    VALIDATION_SCORE: "validation_score",
    LEFT_OUT: LEFT_OUT,
    "eval_safety": "validation_safety",
    "eval_safety_accuracy": "validation_safety_accuracy",
    "eval_coherence": "validation_coherence",
    "eval_coherence_accuracy": "validation_coherence_accuracy",
}
_KEPT = ("router/", "eval_router/", "objective/")
PUBLISHED = "published"
"""Folder, in a resume state, of what the training publishes at its end."""
_PROGRESS = "progress.json"


class History(TrainerCallback, ExportableState):
    """Keeps one row a logged step, and shows it to dvclive as it comes; no wall time is kept."""

    def __init__(self, live: Live) -> None:
        self.rows: list[dict[str, float]] = []
        """By step."""
        self._live = live

    def state(self) -> dict[str, Any]:
        """Give the rows."""
        return {"attributes": {"rows": self.rows}}

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the figures of a step to its row."""
        figures = {
            _NAMES.get(name, name.replace("eval_", "validation_")): value
            for name, value in kwargs["logs"].items()
            if (name in _NAMES or name.startswith(_KEPT)) and math.isfinite(value)
        }
        if not figures:
            return
        if not self.rows or self.rows[-1]["step"] != state.global_step:
            self.rows.append({"step": state.global_step})
        row = self.rows[-1]
        new = {name: value for name, value in figures.items() if row.get(name) != value}
        row.update(new)
        self._show(state.global_step, new)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show the rows of the runs before to a dvclive that has never seen them."""
        if state.global_step:
            for row in self.rows:
                self._show(int(row["step"]), {k: v for k, v in row.items() if k != "step"})

    def _show(self, step: int, figures: Mapping[str, float]) -> None:
        self._live.step = step
        for name, value in sorted(figures.items()):  # as the file of a resumed run has them
            self._live.log_metric(name, value)
        self._live.make_summary()


class Validations(TrainerCallback, ExportableState):
    """Validates at equal distances and keeps the best adapter, until no better one comes."""

    def __init__(
        self,
        steps: int,
        evaluations: int,
        out: Path,
        patience: int | None = None,
        min_gain: float = 0.0,
    ) -> None:
        self.best_step = 0
        self.best_score = float("inf")
        self.best_nll = float("inf")
        self.worse = 0
        """Validations since one gained enough."""
        self.to_beat = float("inf")
        """Score of that one."""
        self._places = {round(steps * turn / evaluations) for turn in range(1, evaluations + 1)}
        self._out, self._patience, self._min_gain = out, patience, min_gain

    def state(self) -> dict[str, Any]:
        """Give all but the settings; what is infinite yet is no JSON, and where it begins."""
        names = ("best_step", "best_score", "best_nll", "worse", "to_beat")
        found = {name: getattr(self, name) for name in names}
        return {"attributes": {name: value for name, value in found.items() if value < math.inf}}

    @property
    def is_over(self) -> bool:
        """Whether patience is at its end, so that no further step is taken."""
        return self._patience is not None and self.worse >= self._patience

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a validation where one is due."""
        control.should_evaluate = state.global_step in self._places

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep what was just validated where it is the best; before the first step nothing is."""
        if state.global_step == 0:
            return
        metrics: Mapping[str, float] = kwargs["metrics"]
        score = _of_first(metrics[VALIDATION_SCORE])
        if score < self.best_score:
            self.best_step, self.best_score = state.global_step, score
            self.best_nll = metrics[VALIDATION_NLL]
            adapter.save(kwargs["model"], self._out / "best")
        if score < self.to_beat - self._min_gain:
            self.worse, self.to_beat = 0, score
        else:
            self.worse += 1
        control.should_training_stop |= self.is_over


class FirstValidation(TrainerCallback):
    """Validates before the first step of a training, once FSDP has spread the weights."""

    def __init__(self, validate: Callable[[], object]) -> None:
        self._validate = validate

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Validate."""
        self._validate()


class Stopwatch(TrainerCallback, ExportableState):
    """Measures the training steps alone, without validations and checkpoints."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0

    def state(self) -> dict[str, Any]:
        """Give the time so far."""
        return {"attributes": {"seconds": self.seconds}}

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the watch."""
        self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the step."""
        self.seconds += time.perf_counter() - self._begun


def _of_first(score: float) -> float:
    """Return the first process's figure: were others to take another, they would wait forever."""
    if not distributed.is_initialized():
        return score
    told = [score]
    distributed.broadcast_object_list(told)
    return told[0]


class Keeper(TrainerCallback):
    """Makes Trainer's checkpoints whole: adds what Trainer does not keep, and seals them."""

    def __init__(
        self, resume: Resume, trainer: MoeTrainer, kept: Sequence[ExportableState]
    ) -> None:
        self._resume, self._trainer, self._kept = resume, trainer, kept
        self._published = resume.folder / PUBLISHED

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add best adapter, figures and counts to a checkpoint, then seal it."""
        self._trainer.accelerator.wait_for_everyone()
        if not state.is_world_process_zero:
            return
        folder = self._resume.path(state.global_step)
        if self._published.exists():
            shutil.copytree(self._published, folder / PUBLISHED, dirs_exist_ok=True)
        progress = {
            "callbacks": {type(one).__name__: one.state()["attributes"] for one in self._kept},
            # What fits the memory of one day may not fit that of another.
            "batch_size": args.per_device_train_batch_size,
            "accumulation": args.gradient_accumulation_steps,
            # TRL's means since the last log, and its count of tokens: Trainer keeps neither.
            "means": self._trainer._metrics["train"],  # noqa: SLF001
            "tokens": self._trainer._total_train_tokens,  # noqa: SLF001
        }
        # Python's own json keeps NaN and infinity, which a mean may be and msgspec makes null.
        records.write_text(folder / _PROGRESS, json.dumps(progress))
        self._resume.seal(state.global_step)

    def restore(self, folder: Path) -> None:
        """Bring callbacks, trainer and best adapter to where a checkpoint was written."""
        found = json.loads((folder / _PROGRESS).read_text(encoding="utf-8"))
        probe.share(self._trainer, found["batch_size"], found["accumulation"])
        for one in self._kept:
            for name, value in found["callbacks"][type(one).__name__].items():
                setattr(one, name, value)
        self._trainer._metrics["train"].update(found["means"])  # noqa: SLF001
        self._trainer._total_train_tokens = found["tokens"]  # noqa: SLF001
        if not process.is_first():
            return
        shutil.rmtree(self._published, ignore_errors=True)
        if (folder / PUBLISHED).exists():
            shutil.copytree(folder / PUBLISHED, self._published)
