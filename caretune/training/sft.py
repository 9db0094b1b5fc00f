"""Supervised fine-tuning of an adapter: assistant turns only, counted in optimiser steps."""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from dvclive.live import Live
from transformers import DataCollatorForSeq2Seq, PrinterCallback
from trl.trainer.callbacks import RichProgressCallback
from trl.trainer.sft_config import SFTConfig

from caretune.errors import ModelError
from caretune.model import adapter
from caretune.model.base import Loaded
from caretune.moe_lora.config import MoeLoraConfig
from caretune.records import Conversation
from caretune.training import rows as training_rows
from caretune.training.callbacks import Checkpoints, History, Stopwatch
from caretune.training.moe_trainer import VALIDATION_NLL, MoeTrainer

_LOGGED_ROWS = 100
"""At most about so many rows in the history of a run, whatever its length."""


@dataclass(frozen=True)
class Settings:
    """How an adapter is trained; every field but the adapter's own."""

    learning_rate: float
    schedule: str
    """cosine, linear or constant, after the warm-up."""
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
    best_step: int
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
) -> Trained:
    """Train an adapter and write its checkpoints to `out/best` and `out/last`.

    Args:
        name: What the adapter is called in the records.
        base: The base; its layers are wrapped in place.
        config: The adapter: a LoraConfig or a MoeLoraConfig.
        train_rows: Labelled conversations.
        validation_rows: Labelled conversations that choose the best checkpoint.
        settings: How to train.
        out: Folder of the checkpoints.
        live: Folder of dvclive's figures.

    Raises:
        ModelError: The base lacks a target module, the rows hold nothing to train, or the training
            came to no number.
    """
    experts = config.expert_names if isinstance(config, MoeLoraConfig) else None
    length = settings.max_length
    rows = training_rows.prepare(base.tokenizer, train_rows, length, experts)
    held_out = training_rows.prepare(base.tokenizer, validation_rows, length, experts)
    model = adapter.add(base.model, config, settings.seed)
    domains = {conversation.domain for conversation in train_rows}
    watch = Stopwatch()
    checkpoints = Checkpoints(settings.steps, settings.evaluations, out)
    begun = time.perf_counter()
    with (
        Live(str(live), save_dvc_exp=False, dvcyaml=None, report=None) as shown,
        tempfile.TemporaryDirectory() as scratch,
    ):
        history = History(shown)
        trainer = MoeTrainer(
            model=model,
            args=_arguments(settings, base.record.dtype, scratch),
            data_collator=DataCollatorForSeq2Seq(base.tokenizer),
            train_dataset=rows.dataset,
            eval_dataset=held_out.dataset,
            processing_class=base.tokenizer,
            callbacks=[history, watch, checkpoints],
        )
        trainer.remove_callback(PrinterCallback)
        if sys.stdout.isatty():
            trainer.add_callback(RichProgressCallback())
        base_nll = trainer.evaluate()[VALIDATION_NLL]
        trainer.train()
    if checkpoints.best_step == 0:
        raise ModelError(
            f"{name}: no validation gave a number, so the training diverged; lower "
            "params.train.learning_rate."
        )
    tokens = int(trainer._total_train_tokens)  # noqa: SLF001 - TRL counts them, and shows them nowhere else
    training = Training(
        adapter=name,
        steps=trainer.state.global_step,
        tokens=tokens,
        trainable_parameters=model.num_parameters(only_trainable=True),
        train_rows=len(rows.dataset),
        validation_rows=len(held_out.dataset),
        rows_cut=rows.cut,
        rows_clipped=rows.clipped,
        best_step=checkpoints.best_step,
        best_validation_nll=checkpoints.best_nll,
        base_validation_nll=base_nll,
        base_weights_sha256=base.record.weights_sha256,
        expert_names=experts,
        domain_of_expert=None
        if experts is None
        else {name: name if name in domains else None for name in experts},
    )
    timing = Timing(
        seconds=time.perf_counter() - begun,
        step_seconds=watch.seconds / training.steps,
        tokens_per_second=tokens / watch.seconds,
    )
    return Trained(training, [history.rows[step] for step in sorted(history.rows)], timing)


def _arguments(settings: Settings, dtype: str, scratch: str) -> SFTConfig:
    """Return TRL's arguments: rows come ready made, files and figures are ours to write."""
    return SFTConfig(
        output_dir=scratch,
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule
        if settings.schedule != "constant"
        else "constant_with_warmup",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        remove_unused_columns=False,
        train_sampling_strategy="group_by_length",
        dataloader_pin_memory=False,
        eval_strategy="no",
        save_strategy="no",
        logging_steps=max(1, settings.steps // _LOGGED_ROWS),
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
    )
