"""Writes one fixed mix of experts as a plain PEFT LoRA, for engines that know no routers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812  the name that torch's own documentation uses
from peft import LoraConfig, PeftModel
from safetensors.torch import save

from caretune import records
from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig, with_sorted_sets
from caretune.moe_lora.layer import MoeLoraLinear

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `max_lora_rank` (`MaxLoRARanks` of vllm/config/lora.py, 0.14 to 0.26)."""

_SUM = 1e-6
"""How far from 1 a mix may sum: decimal fractions have no exact float."""


def gates_of(mix: Mapping[str, float], config: MoeLoraConfig) -> list[float]:
    """Return one gate an expert for a mix of experts by name.

    Args:
        mix: Share of each expert used, above 0; they sum to 1, as a router's gates do.
        config: Names the experts.

    Raises:
        ModelError: An expert has no such name, or the shares are no mix.
    """
    names = config.expert_names or []
    if unknown := [name for name in mix if name not in names]:
        raise ModelError(
            f"no expert is named {', '.join(unknown)}; there are {', '.join(names) or 'no names'}."
        )
    if not all(share > 0 for share in mix.values()) or not abs(sum(mix.values()) - 1) <= _SUM:
        shares = ", ".join(f"{name}={share:g}" for name, share in mix.items())
        raise ModelError(f"a mix needs shares above 0 that sum to 1, got {shares}.")
    return [mix.get(name, 0.0) for name in names]


def rank_of(gates: Sequence[float], config: MoeLoraConfig) -> int:
    """Return the rank that an export is written with: the next one that vLLM takes.

    Experts with gate 0 are left out, so a single expert needs `(1 + shared) * r`.

    Raises:
        ModelError: The number of gates is not that of the experts, or vLLM takes no such rank.
    """
    if len(gates) != config.num_experts:
        raise ModelError(f"{len(gates)} gates for {config.num_experts} experts.")
    needed = (sum(gate != 0 for gate in gates) + config.num_shared_experts) * config.r
    legal = next((rank for rank in RANKS if rank >= needed), None)
    if legal is None:
        raise ModelError(
            f"this mix has rank {needed}, vLLM takes at most {RANKS[-1]}. Mix fewer experts."
        )
    return legal


def plain_lora(
    model: PeftModel, folder: Path, gates: Sequence[float], adapter: str = "default"
) -> int:
    """Write a LoRA folder that computes exactly what static gates compute.

    Args:
        model: A PEFT model with a MoE-LoRA adapter.
        folder: Gets adapter_config.json and adapter_model.safetensors.
        gates: One gate an expert.
        adapter: Name of the adapter.

    Returns:
        The rank of the LoRA; what the experts do not fill of it is zero.

    Raises:
        ModelError: The number of gates is not that of the experts, or vLLM takes no such rank.
    """
    config = cast(MoeLoraConfig, model.peft_config[adapter])
    rank = rank_of(gates, config)
    given = torch.tensor(gates, dtype=torch.float32)
    used = torch.cat([given != 0, torch.ones(config.num_shared_experts, dtype=torch.bool)])
    ranks = used.repeat_interleave(config.r)  # (experts + shared) -> (total rank)
    padding = rank - int(ranks.sum())
    tensors = {}
    for name, layer in model.named_modules():
        if isinstance(layer, MoeLoraLinear) and adapter in layer.moelora_A:
            down, up = (factor.cpu() for factor in layer.factors(adapter, given))
            tensors[f"{name}.lora_A.weight"] = F.pad(down[ranks], (0, 0, 0, padding)).contiguous()
            tensors[f"{name}.lora_B.weight"] = F.pad(up[:, ranks], (0, padding)).contiguous()
    lora = LoraConfig(
        r=rank,
        lora_alpha=rank,  # the scale stands in B
        target_modules=config.target_modules,
        task_type=config.task_type,
        base_model_name_or_path=config.base_model_name_or_path,
        inference_mode=True,
    )
    # Not save_file: what it writes only its owner may read, and another user's engine could not.
    weights = save(tensors, metadata={"format": "pt"})
    records.write_lines(folder / "adapter_model.safetensors", [weights])
    records.write_json(folder / "adapter_config.json", with_sorted_sets(lora.to_dict()))
    return rank
