"""MoE-LoRA and others against PEFT's LoRA of equal total rank: `python -m tests.bench.bench_train`.

All methods sit on copies of one random Llama of the rehearsal base's shape, of rank 48 in all, and
all their adapter weights are trained. Each round times one method after the other (A B A B), at one
thread in process time, which other programs disturb least, at two in wall time, since process time
adds up threads that wait. (OMP_WAIT_POLICY=passive keeps those from spinning; without it a busy
machine takes minutes for seconds.) A row gives the ratio of the minima and of the medians to
LoRA's; below 1 the method is the quicker one. Activation bytes are exact: all storage that autograd
keeps for the backward pass, parameters left out.

X-LoRA asks the base for its hidden states in a pass of its own, and refuses a key-value cache, so
that each of its tokens is a pass over all tokens before it. The loop stands for the public
MoE-LoRAs: the same routers, and each expert's own two matrices on the tokens that chose it.
"""

import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  the name that torch's own documentation uses
from peft import LoraConfig, PeftModel, XLoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.layer import MoeLoraLinear
from caretune.moe_lora.model import MoeLoraModel
from caretune.moe_lora.register import register
from caretune.moe_lora.router import RouterState

ROUNDS = 9
BATCH, LENGTH = 4, 256
PREFILLED, DECODED = 64, 16
RANK, EXPERTS, SHARED = 8, 5, 1
COMMON = {
    "target_modules": [
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    ],
    "task_type": "CAUSAL_LM",
}
SHAPE = LlamaConfig(
    vocab_size=4096,
    hidden_size=192,
    intermediate_size=512,
    num_hidden_layers=6,
    num_attention_heads=6,
    num_key_value_heads=2,
    max_position_embeddings=1024,
)
GOALS = {"training step": 1.05, "activations": 1.10, "one-token decode": 1.15}
"""Of `OURS`, as ratios of minima."""
REFERENCE, OURS = "LoRA", "MoE-LoRA, router per block"


class LoopLinear(nn.Module):
    """A MoE-LoRA layer as most write it: expert by expert, on the tokens that chose it."""

    def __init__(self, layer: MoeLoraLinear) -> None:
        super().__init__()
        self.base_layer = layer.base_layer
        down, up = layer.moelora_A["default"].detach(), layer.moelora_B["default"].detach()
        self.downs = nn.ParameterList(part.clone() for part in down.split(RANK))
        self.ups = nn.ParameterList(part.clone() for part in up.split(RANK, dim=1))
        self._state: RouterState = layer.states["default"]

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, `(batch, seq, in)` -> `(batch, seq, out)`."""
        result = self.base_layer(x)
        tokens = x.flatten(0, 1).to(self.downs[0].dtype)  # (batch, seq, in) -> (batch * seq, in)
        gates = self._state.rank_gates["default"].flatten(0, 1)[:, ::RANK]  # -> (tokens, experts)
        update = tokens.new_zeros(len(tokens), result.shape[-1])
        for expert, (down, up) in enumerate(zip(self.downs, self.ups, strict=True)):
            chosen = gates[:, expert].nonzero().flatten()
            if len(chosen):
                found = F.linear(F.linear(tokens[chosen], down), up)
                update = update.index_add(0, chosen, found * gates[chosen, expert, None])
        return result + update.view_as(result).to(result.dtype)


def base(dtype: torch.dtype) -> LlamaForCausalLM:
    """Return the base, the same one each time."""
    torch.manual_seed(0)
    return LlamaForCausalLM(deepcopy(SHAPE)).to(dtype)


def lora(dtype: torch.dtype, rank: int = RANK * (EXPERTS + SHARED)) -> PeftModel:
    """Return a LoRA of the total rank."""
    return get_peft_model(base(dtype), LoraConfig(r=rank, lora_alpha=2 * rank, **COMMON))


def moe_lora(dtype: torch.dtype, router_per: str = "block") -> PeftModel:
    """Return a MoE-LoRA of five experts, two a token, and a shared one."""
    config = MoeLoraConfig(
        r=RANK,
        num_experts=EXPERTS,
        top_k=2,
        num_shared_experts=SHARED,
        lora_alpha=2 * RANK,
        router_per=router_per,
        **COMMON,
    )
    return get_peft_model(base(dtype), config)


def per_module(dtype: torch.dtype) -> PeftModel:
    """Return a MoE-LoRA with a router for each layer."""
    return moe_lora(dtype, "module")


def loop(dtype: torch.dtype) -> PeftModel:
    """Return the same mixture, computed expert by expert."""
    model = moe_lora(dtype)
    for name, layer in list(model.named_modules()):
        if isinstance(layer, MoeLoraLinear):
            model.set_submodule(name, LoopLinear(layer))
    return model


def x_lora(dtype: torch.dtype) -> PeftModel:
    """Return PEFT's X-LoRA of six LoRAs, which it takes from disk."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {str(place): f"{folder}/{place}" for place in range(EXPERTS + SHARED)}
        for path in paths.values():
            lora(dtype, RANK).save_pretrained(path)
        model = base(dtype)
        model.config.use_cache = False
        config = XLoraConfig(
            hidden_size=SHAPE.hidden_size,
            adapters=paths,
            use_trainable_adapters=True,
            task_type="CAUSAL_LM",
        )
        return get_peft_model(model, config)


METHODS: dict[str, Callable[[torch.dtype], PeftModel]] = {
    REFERENCE: lora,
    OURS: moe_lora,
    "MoE-LoRA, router per module": per_module,
    "MoE-LoRA as a loop": loop,
    "X-LoRA": x_lora,
}


class Row(NamedTuple):
    """One method's figure; ratios are to LoRA's."""

    method: str
    value: float
    minimum: float
    median: float


def batch() -> dict[str, Tensor]:
    """Return rows of random tokens."""
    ids = torch.randint(
        SHAPE.vocab_size, (BATCH, LENGTH), generator=torch.Generator().manual_seed(1)
    )
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}


def loss_of(model: PeftModel) -> Tensor:
    """Return the loss of a training step, router losses included."""
    if not isinstance(model.base_model, MoeLoraModel):
        return model(**batch(), use_cache=False).loss
    domains = torch.arange(BATCH) % EXPERTS
    loss = model(**batch(), use_cache=False, domain_ids=domains).loss
    losses = model.base_model.router_losses()
    assert losses is not None
    return loss + losses.total


def training(model: PeftModel, clock: Callable[[], float]) -> Callable[[], float]:
    """Return a training step that tells its time in seconds."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3)
    model.train()

    def step() -> float:
        start = clock()
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
        return clock() - start

    return step


def decoding(model: PeftModel, clock: Callable[[], float]) -> Callable[[], float]:
    """Return a run of one-token steps behind a filled cache that tells seconds a token."""
    model.eval()
    ids = batch()["input_ids"][:1]
    cached = model.config.use_cache

    @torch.no_grad()
    def decode() -> float:
        given: dict[str, Any] = {"use_cache": cached}
        if cached:
            given["past_key_values"] = model(ids[:, :PREFILLED], use_cache=True).past_key_values
        start = clock()
        for place in range(PREFILLED, PREFILLED + DECODED):
            model(input_ids=ids[:, place if cached else 0 : place + 1], **given)
        return (clock() - start) / DECODED

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


def race(
    prepare: Callable[[PeftModel, Callable[[], float]], Callable[[], float]], threads: int
) -> list[Row]:
    """Time all methods by turns; values are the least milliseconds."""
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    runs = {name: prepare(build(torch.float32), clock) for name, build in METHODS.items()}
    for run in runs.values():
        run()  # the first run pays for allocations
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(run() * 1000)
    least, middle = min(times[REFERENCE]), statistics.median(times[REFERENCE])
    return [
        Row(name, min(found), min(found) / least, statistics.median(found) / middle)
        for name, found in times.items()
    ]


def weigh(dtype: torch.dtype) -> list[Row]:
    """Compare what the methods keep for the backward pass, in MiB."""
    kept = {name: activation_bytes(build(dtype)) / 2**20 for name, build in METHODS.items()}
    return [
        Row(name, found, found / kept[REFERENCE], found / kept[REFERENCE])
        for name, found in kept.items()
    ]


def show(what: str, unit: str, rows: list[Row]) -> None:
    """Print one quantity's rows, with its goal beside the method that has it."""
    title = f"{what}, {unit}"
    print(f"\n{title:40}{'value':>10}{'min':>8}{'median':>8}{'goal':>8}")
    for row in rows:
        goal = f"{GOALS[what]:.2f}" if row.method == OURS else ""
        print(
            f"  {row.method:38}{row.value:10.2f}{row.minimum:8.3f}{row.median:8.3f}{goal:>8}".rstrip()
        )


def load_average() -> str:
    """Return the machine's load over 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def main() -> None:
    """Print the tables."""
    register()
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")
    begun = time.perf_counter()
    print(f"batch {BATCH} x {LENGTH}, {ROUNDS} rounds, load average {load_average()} before")
    for threads in (1, 2):
        number = f"{threads} thread{'s' if threads > 1 else ''}"
        show("training step", f"ms, {number}", race(training, threads))
        show("one-token decode", f"ms, {number}", race(decoding, threads))
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        show("activations", f"MiB, {name}", weigh(dtype))
    print(f"\n{time.perf_counter() - begun:.0f} s, load average {load_average()} after")


if __name__ == "__main__":
    main()
