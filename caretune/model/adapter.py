"""Adapters on a base: how each kind is configured, and how a trained one is put on."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from torch import nn
from torch.distributed.tensor import DTensor

from caretune import process, records
from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.register import register

Config = LoraConfig | MoeLoraConfig
Kind = Literal["moe_lora", "lora", "lora_active"]
"""The mixture, and two LoRAs to compare it with: of its total rank, and of a token's active rank."""


def configure(
    kind: Kind,
    *,
    rank: int,
    experts: Sequence[str],
    shared_experts: int,
    top_k: int,
    alpha_per_rank: float,
    dropout: float,
    target_modules: Sequence[str],
    rslora: bool = False,
    **router: Any,
) -> Config:
    """Configure a MoE-LoRA, or a plain LoRA to compare it with.

    `lora` has the rank of all experts together, `lora_active` that of the experts a token uses.
    All kinds have one scale, `alpha_per_rank`. With rsLoRA they have one alpha, that of an expert,
    since its premise is an alpha that does not grow with the rank: the scale is `alpha_per_rank *
    rank / sqrt(r)` for a kind of rank r, an expert's own rank for the mixture. A LoRA of one
    expert's rank would then have the expert's scale, and a larger one a smaller scale.

    Args:
        kind: What to configure.
        rank: Rank of each expert.
        experts: Name of each expert; a row's domain picks the one that its tokens should take.
        shared_experts: Experts that every token uses.
        top_k: Experts that a token uses beside those.
        alpha_per_rank: Scale of the update, without rsLoRA.
        dropout: Share of a layer's inputs zeroed in training.
        target_modules: Linear layers that get an adapter.
        rslora: Divide alpha by the root of the rank (arXiv 2312.03732).
        router: `router_per` and the weights of the router's losses, as MoeLoraConfig names them.
    """
    own_rank = {
        "moe_lora": rank,
        "lora": (len(experts) + shared_experts) * rank,
        "lora_active": (top_k + shared_experts) * rank,
    }[kind]
    shape: dict[str, Any] = {
        "task_type": "CAUSAL_LM",
        "r": own_rank,
        "lora_alpha": alpha_per_rank * (rank if rslora else own_rank),
        "lora_dropout": dropout,
        "use_rslora": rslora,
        "target_modules": list(target_modules),
    }
    if kind != "moe_lora":
        return LoraConfig(**shape)
    register()
    return MoeLoraConfig(
        **shape,
        **router,
        top_k=top_k,
        num_experts=len(experts),
        num_shared_experts=shared_experts,
        expert_names=list(experts),
    )


def check_targets(model: nn.Module, target_modules: Sequence[str]) -> None:
    """Check that every target names a linear layer; PEFT passes over a missing one in silence.

    Raises:
        ModelError: Names the targets that are missing, and the layers that there are.
    """
    linear = {
        name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, nn.Linear)
    }
    missing = sorted(set(target_modules) - linear)
    if missing:
        raise ModelError(
            f"{type(model).__name__} has no linear layer named {', '.join(missing)}; it has "
            f"{', '.join(sorted(linear))}. Mend params.train.target_modules."
        )


def add(model: Any, config: Config, seed: int) -> PeftModel:
    """Put a new, untrained adapter on a base; the model's answers do not change by it.

    Args:
        model: The base model; its layers are wrapped in place.
        config: From `configure`.
        seed: Seed of the first weights.

    Raises:
        ModelError: The base lacks a target module.
    """
    check_targets(model, sorted(config.target_modules or ()))
    torch.manual_seed(seed)
    with _quiet():
        return cast(PeftModel, get_peft_model(model, config))


def read_config(folder: Path) -> Any:
    """Read the config of a trained adapter.

    Raises:
        ModelError: The folder holds no adapter.
    """
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / file).is_file():
            raise ModelError(f"{folder}: no {file}. Run `dvc repro train` or `dvc checkout`.")
    register()
    return PeftConfig.from_pretrained(str(folder))


def attach(model: Any, folder: Path, name: str = "default") -> PeftModel:
    """Put a trained adapter on its base, for inference.

    Args:
        model: The base model; its layers are wrapped in place.
        folder: A published checkpoint: adapter_config.json and adapter_model.safetensors.
        name: What the adapter is called on this model.

    Raises:
        ModelError: The folder holds no adapter, or it was made for another model.
    """
    config = read_config(folder)
    check_targets(model, config.target_modules)
    try:
        with _quiet():
            return PeftModel.from_pretrained(model, folder, adapter_name=name).eval()
    except RuntimeError as error:
        raise ModelError(
            f"{folder}: this adapter was trained on another base; its matrices do not fit. Use "
            "the base it was released with."
        ) from error


def save(model: PeftModel, folder: Path) -> None:
    """Write the adapter's two files, in bytes that depend on its weights and config alone.

    Every process of a training calls it, since each may hold a part of every weight; the first one
    writes.
    """
    own = cast(str, model.base_model.prefix)
    weights = {name: _whole(value) for name, value in model.state_dict().items() if own in name}
    if not process.is_first():
        return
    model.save_pretrained(str(folder), save_embedding_layers=False, state_dict=weights)
    (folder / "README.md").unlink()
    config = folder / "adapter_config.json"
    fields = records.read_json(config)
    # PEFT keeps the names in a set and writes them in the order of this run's string hashes.
    records.write_json(config, fields | {"target_modules": sorted(fields["target_modules"])})


def _whole(weight: torch.Tensor) -> torch.Tensor:
    """Return a weight that FSDP spread over the processes in one piece; any other as it is."""
    return weight.full_tensor().cpu() if isinstance(weight, DTensor) else weight


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the one notice that peft 0.21.2 draws from transformers 5.23 and no user can heed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")
        yield
