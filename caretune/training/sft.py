"""Supervised fine-tuning of an adapter: assistant turns only, counted in optimiser steps."""

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog
import torch
from dvclive.live import Live
from transformers import PrinterCallback, TrainerCallback
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
from caretune.training.budget import Budget, Limits
from caretune.training.callbacks import PUBLISHED, History, Keeper, Stopwatch, Validations
from caretune.training.collator import Collator
from caretune.training.moe_trainer import MoeTrainer
from caretune.training.objectives import Weights
from caretune.training.optimiser import NonFiniteSteps

log = structlog.get_logger()

_LOGGED_ROWS = 100
"""At most about so many rows in the history of a run, whatever its length."""
_SCHEDULES = {"constant": "constant_with_warmup", "plateau": "constant_with_warmup"}
"""Our names for transformers' own, where they differ; `plateau` is the trainer's."""


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
    """The whole of training, validations included."""
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
    model = adapter.add(base.model, config, settings.seed)
    begun = time.perf_counter()
    # Of several processes each has its own; the first one's is published.
    shown = resume.folder / ("live" if process.is_first() else f"live {os.getpid()}")
    shutil.rmtree(shown, ignore_errors=True)
    with Live(str(shown), save_dvc_exp=False, dvcyaml=None, report=None) as figures:
        run = _Run(settings, operation, resume, figures)
        trainer = MoeTrainer(
            model=model,
            args=_arguments(
                settings,
                base.record.dtype,
                str(resume.folder),
                operation,
                on_cpu=base.model.device.type == "cpu",
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
        if base.model.device.type != "cpu":
            fit_to_memory(trainer)
        run.go(trainer)
    validations, history = run.validations, run.history
    if validations.best_step == 0:
        raise ModelError(
            f"{name}: no validation gave a number, so the training diverged; lower "
            "params.train.learning_rate."
        )
    if process.is_first():
        adapter.save(model, run.published / "last")
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
        seconds=time.perf_counter() - begun,
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
            trainer.evaluate()
            trainer.train()
        else:
            keeper.restore(found.folder)
            trainer.train(resume_from_checkpoint=str(found.folder))
        if self.budget.reason:
            raise StoppedError(
                f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps} by "
                f"{self.budget.reason}; nothing is lost. Run `dvc repro` again to go on."
            )


def fit_to_memory(trainer: MoeTrainer) -> None:
    """Halve the micro-batch until the longest rows fit, the rows of an optimiser step staying.

    Every process takes what fits all of them.

    Raises:
        ModelError: One row alone does not fit.
    """
    args, model = trainer.args, trainer.accelerator.unwrap_model(trainer.model)
    rows: Any = trainer.train_dataset
    lengths = [len(row) for row in rows["input_ids"]]
    longest = sorted(range(len(lengths)), key=lambda place: -lengths[place])

    def step(count: int) -> None:
        batch = trainer.data_collator([rows[place] for place in longest[:count]])
        inputs = trainer._prepare_inputs(batch)  # noqa: SLF001 - as Trainer's own step does
        trainer.compute_loss(model, inputs).backward()

    fitted = probe.fit(
        model,
        step,
        args.per_device_train_batch_size,
        args.gradient_accumulation_steps,
        longest=max(lengths),
    )
    sizes = trainer.accelerator.gather(torch.tensor([fitted.batch_size], device=args.device))
    batch_size = int(sizes.min())
    asked = args.per_device_train_batch_size * args.gradient_accumulation_steps
    if batch_size != args.per_device_train_batch_size:
        log.info("micro-batch made smaller", rows=batch_size, passes=asked // batch_size)
    args.per_device_train_batch_size = trainer._train_batch_size = batch_size  # noqa: SLF001
    args.gradient_accumulation_steps = asked // batch_size
    trainer._metrics["train"].clear()  # noqa: SLF001 - what the probe logged is no training
    trainer._total_train_tokens = 0  # noqa: SLF001


def _plateau(settings: Settings) -> dict[str, Any] | None:
    if settings.schedule != "plateau":
        return None
    return {"factor": settings.plateau_factor, "patience": settings.plateau_patience}


def _publish(made: Path, out: Path) -> None:
    """Bring a finished folder to its place, in place of what stands there."""
    shutil.rmtree(out, ignore_errors=True)
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
    return SFTConfig(
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
