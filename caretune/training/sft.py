"""Supervised fine-tuning of an adapter: assistant turns only, counted in optimiser steps."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvclive.live import Live
from transformers import PrinterCallback
from trl.trainer.callbacks import RichProgressCallback
from trl.trainer.sft_config import SFTConfig

from caretune import process
from caretune.errors import ModelError, StoppedError
from caretune.lineage.resume import Resume
from caretune.model import adapter
from caretune.model.base import Loaded
from caretune.moe_lora.config import MoeLoraConfig
from caretune.records import Conversation
from caretune.safety.examples import LabelledMessage
from caretune.training import objectives, probe
from caretune.training import rows as training_rows
from caretune.training.budget import Budget
from caretune.training.callbacks import (
    PUBLISHED,
    FirstValidation,
    History,
    Keeper,
    Stopwatch,
    Validations,
)
from caretune.training.collator import Collator
from caretune.training.moe_trainer import MoeTrainer
from caretune.training.optimiser import NonFiniteSteps
from caretune.training.outcome import Timing, Trained, Training
from caretune.training.settings import Operation, Settings

_LOGGED_ROWS = 100
"""At most about so many rows in the history of a run, whatever its length."""
_SCHEDULES = {"constant": "constant_with_warmup", "plateau": "constant_with_warmup"}
"""Our names for transformers' own, where they differ; `plateau` is the trainer's."""


def train(
    name: str,
    base: Loaded,
    config: adapter.Config,
    train_rows: Sequence[Conversation],
    validation_rows: Sequence[Conversation],
    settings: Settings,
    *,
    out: Path,
    live: Path,
    resume: Resume,
    device: str = "cpu",
    replies: Sequence[LabelledMessage] = (),
    operation: Operation | None = None,
) -> Trained:
    """Train an adapter and write its checkpoints to `out/best` and `out/last`.

    Nothing stands in `out` and `live` before the end; what an interrupted training needs to go on
    stands in `resume`, for the caller to clear once it has written the records.

    Args:
        name: What the adapter is called in the records.
        base: The base; its layers are wrapped in place.
        config: The adapter: a LoraConfig or a MoeLoraConfig.
        train_rows: Labelled conversations.
        validation_rows: Labelled conversations that choose the best checkpoint.
        settings: How to train.
        out: Folder of the adapter's checkpoints.
        live: Folder of dvclive's figures.
        resume: The open resume state of this very training (see lineage.resume).
        device: Name of what it runs on, for the record of the time.
        replies: Labelled replies that the objective `safety` learns from and is measured on.
        operation: How to run it.

    Raises:
        ModelError: The base lacks a target module, the rows hold nothing to train, or the training
            came to no number.
        StoppedError: A limit was reached; the state is kept.
    """
    operation = operation or Operation()
    experts = config.expert_names if isinstance(config, MoeLoraConfig) else None
    tokenizer, weights = base.tokenizer, settings.objectives
    rows = training_rows.prepare(
        tokenizer,
        train_rows,
        settings.max_length,
        experts,
        packing=settings.packing,
        crisis_weight=weights.crisis_weight if weights else 1.0,
    )
    held_out = training_rows.prepare(tokenizer, validation_rows, settings.max_length, experts)
    beside = None
    chosen_by = settings.selection.get("safety") or settings.selection.get("coherence")
    if weights and (weights.are_on or chosen_by):
        beside = objectives.prepare(
            tokenizer, weights, train_rows, validation_rows, replies, settings.seed
        )
    if isinstance(config, MoeLoraConfig):
        config.domain_balance = training_rows.domain_balance(train_rows, config.expert_names or [])
    model = adapter.add(base.model, config, settings.seed)
    shown = resume.folder / "live"
    with _figures(shown) as figures:
        run = _Run(settings, operation, resume, figures)
        trainer = MoeTrainer(
            model=model,
            args=_arguments(
                settings,
                base.record.dtype,
                str(resume.folder),
                operation,
                on_cpu=base.device == "cpu",
            ),
            data_collator=Collator(tokenizer),
            train_dataset=rows.dataset,
            eval_dataset=held_out.dataset,
            processing_class=tokenizer,
            callbacks=run.callbacks,
            objectives=beside,
            selection=settings.selection,
            plateau=_plateau(settings),
        )
        trainer.remove_callback(PrinterCallback)
        if sys.stdout.isatty() and process.is_first():
            trainer.add_callback(RichProgressCallback())
        run.go(trainer)
    validations, history = run.validations, run.history
    if validations.best_step == 0:
        raise ModelError(
            f"{name}: no validation gave a number, so the training diverged; lower "
            "params.train.learning_rate."
        )
    adapter.save(model, run.published / "last")
    if process.is_first():
        _publish(run.published, out)
        _publish(shown, live)
    tokens = int(trainer._total_train_tokens)  # noqa: SLF001 - TRL counts them, and shows them nowhere else
    domains = {conversation.domain for conversation in train_rows}
    training = Training(
        adapter=name,
        steps=trainer.state.global_step,
        tokens=tokens,
        trainable_parameters=model.num_parameters(only_trainable=True),
        train_rows=len(train_rows),
        validation_rows=len(validation_rows),
        rows_cut=rows.cut,
        rows_clipped=rows.clipped,
        best_step=validations.best_step,
        steps_left_out=run.left_out.count,
        best_score=validations.best_score,
        best_validation_nll=validations.best_nll,
        base_validation_nll=history.rows[0]["validation_nll"],
        base_weights_sha256=base.record.weights_sha256,
        expert_names=experts,
        domain_of_expert=None
        if experts is None
        else {name: name if name in domains else None for name in experts},
    )
    timing = Timing(
        seconds=run.budget.seconds,
        step_seconds=run.watch.seconds / training.steps,
        tokens_per_second=tokens / run.watch.seconds,
        device=device,
    )
    return Trained(training, history.rows, timing)


class _Run:
    """One run of a training: what watches it, and where it begins."""

    def __init__(
        self, settings: Settings, operation: Operation, resume: Resume, figures: Live
    ) -> None:
        self.published = resume.folder / PUBLISHED
        self.history = History(figures)
        self.watch = Stopwatch()
        self.budget = Budget(operation.limits)
        self.validations = Validations(
            settings.steps,
            settings.evaluations,
            self.published,
            settings.patience,
            settings.min_gain,
        )
        self.left_out = NonFiniteSteps()
        self._resume = resume
        # Who adds figures to a log comes before who reads it.
        self._kept = (self.left_out, self.history, self.watch, self.validations, self.budget)
        self.callbacks = [*self._kept, *operation.callbacks]

    def go(self, trainer: MoeTrainer) -> None:
        """Train from the first step, or from where an earlier run was interrupted.

        Raises:
            StoppedError: A limit was reached.
        """
        keeper = Keeper(self._resume, trainer, self._kept)
        trainer.add_callback(keeper)
        with trainer.accelerator.main_process_first():  # which removes what is damaged
            found = self._resume.latest()
        if found is None:
            if process.is_first():
                shutil.rmtree(self.published, ignore_errors=True)
            if trainer.is_fsdp_enabled:  # only `train` spreads weights that no device may hold
                trainer.add_callback(FirstValidation(lambda: self._validate(trainer)))
            else:
                if trainer.args.device.type != "cpu":
                    probe.fit_to_memory(trainer)
                self._validate(trainer)
            trainer.train()
        else:
            keeper.restore(found.folder)
            if self.validations.is_over:
                trainer.args.max_steps = found.step
            trainer.train(resume_from_checkpoint=str(found.folder))
        trainer.accelerator.wait_for_everyone()
        if self.budget.reason:
            raise StoppedError(
                f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps} by "
                f"{self.budget.reason}"
            )

    def _validate(self, trainer: MoeTrainer) -> None:
        """Measure the untrained adapter, and what a validation takes."""
        begun = time.monotonic()
        trainer.evaluate()
        self.budget.longest_pause = time.monotonic() - begun


def _plateau(settings: Settings) -> dict[str, Any] | None:
    if settings.schedule != "plateau":
        return None
    return {"factor": settings.plateau_factor, "patience": settings.plateau_patience}


@contextmanager
def _figures(folder: Path) -> Iterator[Live]:
    """Begin dvclive's figures anew; of several processes the first one's count."""
    with tempfile.TemporaryDirectory() as other:
        place = folder if process.is_first() else Path(other)
        shutil.rmtree(place, ignore_errors=True)
        with Live(str(place), save_dvc_exp=False, dvcyaml=None, report=None) as figures:
            yield figures


def _publish(made: Path, out: Path) -> None:
    """Bring a finished folder to its place, in place of what stands there."""
    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(made, out)


def _arguments(
    settings: Settings,
    dtype: str,
    folder: str,
    operation: Operation | None = None,
    *,
    on_cpu: bool = True,
) -> SFTConfig:
    """Return TRL's arguments: rows come ready made, figures are ours to write."""
    operation = operation or Operation()
    arguments = SFTConfig(
        output_dir=folder,
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=_SCHEDULES.get(settings.schedule, settings.schedule),
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=dtype == "bfloat16",
        use_cpu=on_cpu,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        remove_unused_columns=False,
        dataloader_num_workers=operation.workers,
        dataloader_prefetch_factor=operation.prefetch if operation.workers else None,
        dataloader_pin_memory=operation.pin_memory,
        eval_strategy="no",
        save_strategy="steps",
        save_steps=operation.checkpoint_steps,
        logging_steps=max(1, settings.steps // _LOGGED_ROWS),
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        # Experts are stacked: every parameter has a gradient in every pass.
        ddp_find_unused_parameters=False,
    )
    # Threads over several GPUs would share the routers' gates; `torchrun` takes a process for each.
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001
    return arguments
