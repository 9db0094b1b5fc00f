"""The largest micro-batch that fits the device's memory, found by trying."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import structlog
import torch
from accelerate.utils import convert_outputs_to_fp32  # type: ignore[import-untyped] # no types
from torch import nn

from caretune.errors import ModelError

log = structlog.get_logger()

_OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED")
_MOMENTS_BYTES = 8
"""Of AdamW, fp32, for each trained parameter; they come to be in the first real step."""


class Fit(NamedTuple):
    """A way to make the effective batch that fits."""

    batch_size: int
    """Rows a forward pass."""
    accumulation: int
    """Forward passes an optimiser step; its product with `batch_size` is as it was asked for."""


def fit(
    model: nn.Module,
    step: Callable[[int], object],
    batch_size: int,
    accumulation: int,
    *,
    longest: int,
) -> Fit:
    """Halve the micro-batch, and double the accumulation, until the longest rows fit.

    A batch that no half divides goes to its largest divisor (3 to 1, 9 to 3), so that the
    effective batch always stays. Weights, random states and training mode stay too; gradients are
    cleared, so this stands before the first step.

    Args:
        model: What is trained.
        step: Runs one forward and backward pass over the so many longest rows.
        batch_size: Rows a forward pass, to begin with.
        accumulation: Forward passes an optimiser step, to begin with.
        longest: Tokens of the longest row, for the error.

    Raises:
        ModelError: One row alone does not fit.
    """
    rows = batch_size
    while not _fits(model, step, rows):
        if rows == 1:
            raise ModelError(
                f"one row of {longest} tokens needs more than the {_memory(model)} here; lower "
                "params.train.max_length, switch params.train.gradient_checkpointing on, or take "
                "a smaller base."
            )
        rows = max(size for size in range(1, rows) if rows % size == 0)
    return Fit(rows, accumulation * (batch_size // rows))


def _fits(model: nn.Module, step: Callable[[int], object], rows: int) -> bool:
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    device, training, fits = trained[0].device, model.training, True
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            size = _MOMENTS_BYTES * sum(weight.numel() for weight in trained)
            moments = torch.empty(size, dtype=torch.uint8, device=device)
            step(rows)
            step(rows)  # now beside the gradients of the first, as with accumulation
            del moments
        except RuntimeError as error:
            if not any(words in str(error) for words in _OUT_OF_MEMORY):
                raise
            fits = False
    # Only out here are the tensors free that the error's traceback held.
    model.zero_grad(set_to_none=True)
    model.train(training)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return fits


def _memory(model: nn.Module) -> str:
    device = next(model.parameters()).device
    if device.type != "cuda":
        return "memory"
    free, total = torch.cuda.mem_get_info(device)
    return f"{free / 2**30:.1f} GiB free of {total / 2**30:.1f} GiB GPU memory"


def fit_to_memory(trainer: Any) -> None:
    """Halve the micro-batch until the longest rows fit, the rows of an optimiser step staying.

    Every process takes what fits all of them. What is tried is what `train` computes: in training
    mode, with its checkpointing of activations, its types, and the objectives' batch.

    Raises:
        ModelError: One row alone does not fit, or the objectives' batch.
    """
    args, model = trainer.args, trainer.accelerator.unwrap_model(trainer.model)
    rows: Any = trainer.train_dataset
    lengths = [len(row) for row in rows["input_ids"]]
    longest = sorted(range(len(lengths)), key=lambda place: -lengths[place])

    def step(count: int) -> None:
        batch = trainer.data_collator([rows[place] for place in longest[:count]])
        inputs = trainer._prepare_inputs(batch)  # noqa: SLF001 - as Trainer's own step does
        trainer.compute_loss(model, inputs).backward()

    with _as_trained(trainer, model):
        _check_objectives(trainer, model)
        fitted = fit(
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
    share(trainer, batch_size, asked // batch_size)
    trainer._metrics["train"].clear()  # noqa: SLF001 - what the probe logged is no training
    trainer._total_train_tokens = 0  # noqa: SLF001


@contextmanager
def _as_trained(trainer: Any, model: Any) -> Iterator[None]:
    """Have a model compute as `train` will have it, which prepares it only later."""
    args, accelerator, forward = trainer.args, trainer.accelerator, model.forward
    model.train()  # the base came for evaluation
    if args.activation_checkpointing:
        model.activation_checkpointing_enable(args.activation_checkpointing_kwargs)
    with accelerator.autocast():
        if accelerator.native_amp:
            model.forward = convert_outputs_to_fp32(forward)  # as accelerate does: whole logits
        try:
            yield
        finally:
            model.forward = forward


def _check_objectives(trainer: Any, model: nn.Module) -> None:
    """Refuse a batch of the objectives that does not fit; no smaller micro-batch helps it."""
    objectives = trainer._objectives  # noqa: SLF001 - MoeTrainer's own
    if objectives is None:
        return

    def step(_: int) -> None:
        objectives.reference(model)
        loss, _figures = objectives.loss(model, 0)
        if loss is not None:
            loss.backward()

    if not _fits(model, step, 0):
        raise ModelError(
            f"a batch of the objectives needs more than the {_memory(model)} here; lower "
            "params.train.objectives.batch_size or params.train.objectives.max_length."
        )


def share(trainer: Any, batch_size: int, accumulation: int) -> None:
    """Have the rows of an optimiser step taken in so many passes of so many rows."""
    trainer.args.per_device_train_batch_size = batch_size
    trainer._train_batch_size = batch_size  # noqa: SLF001 - what its loader goes by
    trainer.args.gradient_accumulation_steps = accumulation
