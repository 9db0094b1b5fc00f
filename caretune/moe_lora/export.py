"""Writes one fixed mix of experts as a plain PEFT LoRA, for engines that know no routers."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import save_file

from caretune import records
from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig, with_sorted_sets
from caretune.moe_lora.layer import MoeLoraLinear


def plain_lora(
    model: PeftModel, folder: Path, gates: Sequence[float], adapter: str = "default"
) -> int:
    """Write a LoRA folder that computes exactly what static gates compute.

    Experts with gate 0 are left out, so a single expert gives rank `(1 + shared) * r`.

    Args:
        model: A PEFT model with a MoE-LoRA adapter.
        folder: Gets adapter_config.json and adapter_model.safetensors.
        gates: One gate an expert.
        adapter: Name of the adapter.

    Returns:
        The rank of the LoRA.

    Raises:
        ModelError: The number of gates is not that of the experts.
    """
    config = cast(MoeLoraConfig, model.peft_config[adapter])
    if len(gates) != config.num_experts:
        raise ModelError(f"{len(gates)} gates for {config.num_experts} experts of {adapter}.")
    given = torch.tensor(gates, dtype=torch.float32)
    used = torch.cat([given != 0, torch.ones(config.num_shared_experts, dtype=torch.bool)])
    ranks = used.repeat_interleave(config.r)  # (experts + shared) -> (total rank)
    tensors = {}
    for name, layer in model.named_modules():
        if isinstance(layer, MoeLoraLinear) and adapter in layer.moelora_A:
            down, up = layer.factors(adapter, given)
            tensors[f"{name}.lora_A.weight"] = down[ranks].contiguous()
            tensors[f"{name}.lora_B.weight"] = up[:, ranks].contiguous()
    rank = int(ranks.sum())
    lora = LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=config.target_modules,
        task_type=config.task_type,
        base_model_name_or_path=config.base_model_name_or_path,
        inference_mode=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    records.write_json(folder / "adapter_config.json", with_sorted_sets(lora.to_dict()))
    return rank
