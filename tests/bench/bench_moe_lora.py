"""MoE-LoRA against PEFT's LoRA of equal total rank, in one process: `python -m tests.bench.bench_moe_lora`.

Both adapters sit on copies of one random Llama of the rehearsal base's shape. Each round times one
method after the other (A B A B), in process time, which other programs disturb least; a row gives
the ratio of the two minima and of the two medians. Below 1 the MoE-LoRA is the quicker one.
Activation bytes are exact: all storage that autograd keeps for the backward pass, parameters left
out.
"""

import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from caretune.moe_lora import register as _register  # noqa: F401  makes the method known to PEFT
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.model import MoeLoraModel

ROUNDS = 9
BATCH, LENGTH = 4, 256
PREFILLED, DECODED = 64, 24
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPE = LlamaConfig(
    vocab_size=4096,
    hidden_size=192,
    intermediate_size=512,
    num_hidden_layers=6,
    num_attention_heads=6,
    num_key_value_heads=2,
    max_position_embeddings=1024,
)
MOE_LORA = {"r": 8, "num_experts": 5, "top_k": 2, "num_shared_experts": 1, "lora_alpha": 16}


class Row(NamedTuple):
    """One measured quantity; ratios are MoE-LoRA over LoRA."""

    what: str
    lora: float
    moe_lora: float
    minimum: float
    median: float
    goal: float | None


def build(kind: str, dtype: torch.dtype = torch.float32) -> PeftModel:
    """Return a fresh base with one of the two adapters, of rank 48 in all."""
    torch.manual_seed(0)
    base = LlamaForCausalLM(SHAPE).to(dtype)
    common = {"target_modules": TARGETS, "task_type": "CAUSAL_LM"}
    moe_lora = MoeLoraConfig(**MOE_LORA, **common)
    plain = LoraConfig(r=moe_lora.total_rank, lora_alpha=2 * moe_lora.total_rank, **common)
    return get_peft_model(base, moe_lora if kind == "moe_lora" else plain)


def batch() -> dict[str, Tensor]:
    """Return rows of random tokens, a domain each for MoE-LoRA's router."""
    ids = torch.randint(
        SHAPE.vocab_size, (BATCH, LENGTH), generator=torch.Generator().manual_seed(1)
    )
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}


def loss_of(model: PeftModel) -> Tensor:
    """Return the loss of a training step, router losses included."""
    if not isinstance(model.base_model, MoeLoraModel):
        return model(**batch()).loss
    loss = model(**batch(), domain_ids=torch.arange(BATCH) % MOE_LORA["num_experts"]).loss
    losses = model.base_model.router_losses()
    assert losses is not None
    return loss + losses.total


def training(model: PeftModel) -> Callable[[], float]:
    """Return a training step that tells its process time in seconds."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3)
    model.train()

    def step() -> float:
        start = time.process_time()
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
        return time.process_time() - start

    return step


def decoding(model: PeftModel) -> Callable[[], float]:
    """Return a run of one-token steps behind a filled cache that tells seconds a token."""
    model.eval()
    ids = batch()["input_ids"][:1]

    @torch.no_grad()
    def decode() -> float:
        cache = model(input_ids=ids[:, :PREFILLED], use_cache=True).past_key_values
        start = time.process_time()
        for place in range(PREFILLED, PREFILLED + DECODED):
            model(input_ids=ids[:, place : place + 1], past_key_values=cache, use_cache=True)
        return (time.process_time() - start) / DECODED

    return decode


def activation_bytes(model: PeftModel) -> float:
    """Return the bytes that a training step keeps for its backward pass."""
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = loss_of(model)
    assert loss.requires_grad  # the graph, and so each kept storage, is alive until here
    return float(sum(kept.values()))


def race(what: str, prepare: Callable[[PeftModel], Callable[[], float]], goal: float | None) -> Row:
    """Time both methods by turns and return their ratios; times in milliseconds."""
    runs = {kind: prepare(build(kind)) for kind in ("lora", "moe_lora")}
    for run in runs.values():
        run()  # the first run pays for allocations
    times: dict[str, list[float]] = {kind: [] for kind in runs}
    for _ in range(ROUNDS):
        for kind, run in runs.items():
            times[kind].append(run() * 1000)
    lora, moe_lora = times["lora"], times["moe_lora"]
    minimum = min(moe_lora) / min(lora)
    median = statistics.median(moe_lora) / statistics.median(lora)
    return Row(what, min(lora), min(moe_lora), minimum, median, goal)


def weigh(what: str, dtype: torch.dtype, goal: float | None) -> Row:
    """Compare what both methods keep for the backward pass, in MiB."""
    lora, moe_lora = (activation_bytes(build(kind, dtype)) / 2**20 for kind in ("lora", "moe_lora"))
    return Row(what, lora, moe_lora, moe_lora / lora, moe_lora / lora, goal)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")
    rows = [
        race("training step, ms", training, 1.10),
        weigh("activations fp32, MiB", torch.float32, 1.10),
        weigh("activations bf16, MiB", torch.bfloat16, 1.10),
        race("one-token decode, ms", decoding, None),
    ]
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"batch {BATCH} x {LENGTH}, {ROUNDS} rounds, 1 thread, load average {load}")
    print(f"{'':24}{'LoRA':>10}{'MoE-LoRA':>10}{'min':>8}{'median':>8}{'goal':>8}")
    for row in rows:
        goal = f"{row.goal:.2f}" if row.goal else "none"
        figures = f"{row.lora:10.2f}{row.moe_lora:10.2f}{row.minimum:8.3f}{row.median:8.3f}"
        print(f"{row.what:24}{figures}{goal:>8}")


if __name__ == "__main__":
    main()
