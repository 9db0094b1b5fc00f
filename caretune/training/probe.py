"""The largest micro-batch that fits the device's memory, found by trying."""

import gc
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from caretune.errors import ModelError

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
