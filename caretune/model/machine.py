"""The machine that computes: its device, how attention runs on it, and what it can do."""

import importlib.util
import os
import time
from dataclasses import dataclass
from typing import NamedTuple

import torch

from caretune.errors import ModelError

FLASH = "flash_attention_2"
_FLASH_CAPABILITY = (8, 0)
"""Compute capability from which FlashAttention-2 runs (its README: Ampere and later)."""
_MATMUL = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the product that measures an unknown device."""


class Gpu(NamedTuple):
    """What its maker states of a GPU."""

    name: str
    """Stands in the name that torch gives the device."""
    memory_bytes: int
    bfloat16_flops: float
    """Dense bfloat16 products, FLOP/s; the sheets also print twice that, for sparse ones."""
    float32_flops: float
    """float32 products without TF32, which torch leaves off, FLOP/s."""
    bandwidth: float
    """Of its memory, bytes/s."""


GPUS = {
    "a100-80gb": Gpu("A100", 80 * 10**9, 312e12, 19.5e12, 2.039e12),
    "h100-80gb": Gpu("H100", 80 * 10**9, 989e12, 67e12, 3.35e12),
    "h200-141gb": Gpu("H200", 141 * 10**9, 989e12, 67e12, 4.8e12),
}
"""SXM boards, from NVIDIA's data sheets of the A100, the H100 and the H200."""


@dataclass(frozen=True)
class Machine:
    """Where a model runs, and how."""

    device: str
    """As torch names it: `cpu`, `cuda` or, one process a GPU, `cuda:1`."""
    name: str
    """`cpu`, or the GPU's own name."""
    dtype: str
    """Type of the base's weights: float32 or bfloat16."""
    attention: str
    """As transformers names it: sdpa, eager or flash_attention_2."""
    memory_bytes: int
    """All of the device's memory, in use or not."""


def choose(device: str, attention: str, dtype: str) -> Machine:
    """Choose device and attention; what is asked for by name is given or refused.

    Under `torchrun` and `accelerate launch` each process takes the GPU of its LOCAL_RANK.

    Args:
        device: `cpu`, `cuda`, or `auto` for a GPU where there is one.
        attention: A name of transformers, or `auto`: flash attention where package, device and
            dtype have it, else SDPA.
        dtype: Type of the base's weights: float32 or bfloat16.

    Raises:
        ModelError: The GPU, its bfloat16 or flash attention is asked for and absent.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise ModelError(
            "a GPU is asked for by name and torch finds none here; set params.train.device to "
            "auto or cpu, or install a CUDA build of torch."
        )
    on_gpu = there and device != "cpu"
    if dtype == "bfloat16" and not (
        on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        raise ModelError(
            "dtype bfloat16 needs a GPU that has it, and there is none here; set "
            "params.base.dtype to float32."
        )
    lacking = _lacking_for_flash(on_gpu, dtype)
    if attention == FLASH and lacking:
        raise ModelError(f"{FLASH} needs {lacking}; set params.train.attention to auto or sdpa.")
    if attention == "auto":
        attention = "sdpa" if lacking else FLASH
    if not on_gpu:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Machine("cpu", "cpu", dtype, attention, memory)
    rank = os.environ.get("LOCAL_RANK")
    found = torch.cuda.get_device_properties(int(rank or 0))
    place = "cuda" if rank is None else f"cuda:{rank}"
    return Machine(place, found.name, dtype, attention, found.total_memory)


def peak_flops(machine: Machine) -> float:
    """Return the FLOP/s of a machine's matrix products: as stated by its maker, else measured."""
    for gpu in GPUS.values():
        if gpu.name in machine.name:
            return stated_flops(gpu, machine.dtype)
    return measured_flops(machine)


def stated_flops(gpu: Gpu, dtype: str) -> float:
    """Return what a GPU's maker states for products of a type, FLOP/s."""
    return gpu.bfloat16_flops if dtype == "bfloat16" else gpu.float32_flops


def measured_flops(machine: Machine) -> float:
    """Time one large matrix product and return its FLOP/s; the quickest of three counts."""
    size = _MATMUL[torch.device(machine.device).type]
    dtype = getattr(torch, machine.dtype)
    left = torch.ones(size, size, dtype=dtype, device=machine.device)
    seconds = []
    for _ in range(4):  # the first pays for the start
        begun = time.perf_counter()
        (left @ left)[0, 0].item()  # a GPU has finished when the value is here
        seconds.append(time.perf_counter() - begun)
    return 2 * size**3 / min(seconds[1:])


def _lacking_for_flash(on_gpu: bool, dtype: str) -> str:
    """Say what FlashAttention-2 lacks here; nothing where it can run."""
    if not on_gpu:
        return "a GPU, and none is used here"
    capability = torch.cuda.get_device_capability()
    if capability < _FLASH_CAPABILITY:
        return f"compute capability 8.0, and this GPU has {capability[0]}.{capability[1]}"
    if dtype != "bfloat16":
        return f"params.base.dtype bfloat16, and it is {dtype}"
    if importlib.util.find_spec("flash_attn") is None:
        return "the package flash-attn, which is not installed"
    return ""
