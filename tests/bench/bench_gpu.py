"""A 12B shape with random weights on a GPU, MoE-LoRA against LoRA: `python -m tests.bench.bench_gpu`.

Nothing is downloaded: the base is made on the device from profiles/shapes, in bfloat16. A step is what
`train` does: packed rows with positions that begin anew, TRL's fused LM head, gradient checkpointing,
the router's losses, clipping, AdamW. Both adapters have a total rank of 48 on all seven projections.
Beside each figure stands what the planner had said of it. `--shape tiny` runs the same code on a CPU.
"""

import argparse
import contextlib
import gc
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig
from trl.trainer.utils import add_fused_lm_head

from caretune.model import adapter, machine
from caretune.moe_lora.model import MoeLoraModel
from caretune.training import footprint, planner

SHAPE = Path(__file__).parents[2] / "profiles/shapes/wayfarer-12b.json"
EXPERTS = ("mental_health_support", "psychology_knowledge", "crisis_safety", "bias_awareness")
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ROW = 340
"""Tokens of a row inside a packed one: about the mean of the shipped corpus."""
LENGTHS = {"12b": (2048, 8192), "tiny": (680,)}
WARM_UP, STEPS = 2, 6


class Row(NamedTuple):
    """What one adapter did at one length."""

    adapter: str
    length: int
    """Tokens of the packed row, one row a step."""
    tokens_per_second: float
    """Of the median step."""
    mfu: float
    """Model FLOPs utilisation, 1.0 = the device's peak."""
    peak_gib: float | None
    """Allocated at the peak; None on a CPU."""
    planned_gib: float
    planned_tokens_per_second: float


def configure(kind: adapter.Kind) -> adapter.Config:
    """Return an adapter of total rank 48."""
    return adapter.configure(
        kind,
        rank=8,
        experts=[*EXPERTS, "general"],
        shared_experts=1,
        alpha_per_rank=2.0,
        dropout=0.0,
        target_modules=TARGETS,
        top_k=2,
        load_balance_weight=0.01,
        z_weight=0.001,
        domain_weight=0.1,
    )


def shape_config(shape: str) -> Any:
    """Return the config of a shape."""
    if shape == "12b":
        return AutoConfig.from_pretrained(SHAPE)
    return LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )


def build(config: Any, kind: adapter.Kind, on: machine.Machine) -> Any:
    """Return a random base on the device with an adapter, ready to train."""
    torch.manual_seed(0)
    with torch.device(on.device):
        base = AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, on.dtype), attn_implementation=on.attention
        )
    model = adapter.add(base, configure(kind), seed=0)
    model.enable_input_require_grads()
    model.activation_checkpointing_enable({"use_reentrant": False})
    add_fused_lm_head(model.get_base_model(), outputs=("log_probs", "entropy", "is_top1"))
    return model.train()


def packed(length: int, vocabulary: int, device: str) -> dict[str, Tensor]:
    """Return one packed row of random tokens whose positions begin anew every `ROW`."""
    draw = torch.Generator().manual_seed(length)
    ids = torch.randint(vocabulary, (1, length), generator=draw)
    positions = torch.arange(length)[None] % ROW
    labels = ids.masked_fill(positions == 0, -100)
    row = {"input_ids": ids, "position_ids": positions, "labels": labels}
    return {name: value.to(device) for name, value in row.items()}


def stepper(model: Any, row: dict[str, Tensor], on: machine.Machine) -> Callable[[], None]:
    """Return one optimiser step, of one packed row."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=on.device != "cpu")
    half = on.dtype == "bfloat16"
    cast = torch.autocast(on.device, torch.bfloat16) if half else contextlib.nullcontext()
    routed = isinstance(model.base_model, MoeLoraModel)
    domains = {"domain_ids": row["input_ids"] % len(EXPERTS)} if routed else {}

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = model(**row, **domains, fused_lm_head=True, use_cache=False).loss
            if routed:
                loss = loss + model.base_model.router_losses().total
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()

    return step


def measure(kind: adapter.Kind, length: int, shape: str, on: machine.Machine, peak: float) -> Row:
    """Time the steps of one adapter at one length."""
    config = shape_config(shape)
    model = build(config, kind, on)
    step = stepper(model, packed(length, config.vocab_size, on.device), on)
    gpu = on.device != "cpu"
    seconds = []
    for place in range(WARM_UP + STEPS):
        if gpu and place == WARM_UP:
            torch.cuda.reset_peak_memory_stats()
        begun = time.perf_counter()
        step()
        if gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    speed = length / statistics.median(seconds[WARM_UP:])
    allocated = torch.cuda.max_memory_allocated() / 2**30 if gpu else None
    way = footprint.Way(on.dtype, on.attention, 1, length, True, True)  # packed, checkpointed
    device = planner.Device(on.name, on.memory_bytes, peak)
    size = footprint.shape(config, configure(kind))
    plan = planner.plan(
        size, way, planner.Schedule(1, 1), device, [ROW], measured_tokens_per_second=speed
    )
    said = planner.UTILISATION * peak / plan.work.hardware
    needed = plan.memory.total / 2**30
    return Row(kind, length, speed, plan.mfu, allocated, needed, said)


def run(shape: str, on: machine.Machine) -> list[Row]:
    """Measure both adapters at every length, one model in memory at a time."""
    peak = machine.peak_flops(on)
    rows = []
    for length in LENGTHS[shape]:
        for kind in ("lora", "moe_lora"):
            rows.append(measure(kind, length, shape, on, peak))
            gc.collect()
            if on.device != "cpu":
                torch.cuda.empty_cache()
    return rows


def show(rows: list[Row], on: machine.Machine) -> None:
    """Print the table, and MoE-LoRA over LoRA for each length."""
    print(f"{on.name}, {on.dtype}, {on.attention}, torch {torch.__version__}, {STEPS} steps each")
    print(f"{'':10}{'length':>8}{'tokens/s':>10}{'planned':>10}{'MFU':>7}{'GiB':>8}{'planned':>9}")
    for row in rows:
        memory = "-" if row.peak_gib is None else f"{row.peak_gib:.1f}"
        print(
            f"{row.adapter:10}{row.length:8}{row.tokens_per_second:10,.0f}"
            f"{row.planned_tokens_per_second:10,.0f}{row.mfu:7.1%}{memory:>8}{row.planned_gib:9.1f}"
        )
    for lora, moe in zip(rows[::2], rows[1::2], strict=True):
        ratio = lora.tokens_per_second / moe.tokens_per_second
        print(f"step time at {lora.length}: MoE-LoRA {ratio:.3f}x LoRA")


def main(arguments: list[str] | None = None) -> None:
    """Print the table; without a GPU say so, for nothing was measured."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--shape", choices=sorted(LENGTHS), default="12b")
    parser.add_argument("--out", type=Path, help="JSON file for the table")
    given = parser.parse_args(arguments)
    gpu = torch.cuda.is_available()
    if given.shape == "12b" and not gpu:
        print("No GPU here: nothing was measured. `--shape tiny` runs the same code on a CPU.")
        return
    on = machine.choose("auto", "auto", "bfloat16" if gpu else "float32")
    rows = run(given.shape, on)
    show(rows, on)
    if given.out:
        table = {"machine": on.name, "torch": torch.__version__, "attention": on.attention}
        table["rows"] = [row._asdict() for row in rows]
        given.out.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
