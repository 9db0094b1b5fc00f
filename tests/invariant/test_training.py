"""What must not change a training: the machine's order, memory savings, the cut into passes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from caretune.lineage import digest
from caretune.model import adapter, base, chat
from tests.fixtures.models import dialogues, lora, moe_lora, train

KINDS = pytest.mark.parametrize("config", [moe_lora, lora], ids=["moe_lora", "lora"])


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "last" / "adapter_model.safetensors")


def _furthest(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """Return the largest difference of two adapters, as a share of the largest weight."""
    assert first.keys() == second.keys()
    largest = max(tensor.abs().max() for tensor in first.values())
    return float(max((first[name] - second[name]).abs().max() for name in first) / largest)


@KINDS
def test_two_runs_give_equal_bytes(config, tiny_base, tmp_path):
    """Equal rows, seed and threads write equal adapters, records and figures, to the byte."""
    runs = [tmp_path / "first", tmp_path / "second"]
    for out in runs:
        train("a", config(dropout=0.1), tiny_base, out / "adapter", live=out / "live")
    first, second = (digest.folder_files(out) for out in runs)
    assert first == second
    assert len(first) > 8


def test_another_seed_gives_other_bytes(tiny_base, tmp_path):
    """The test above can fail."""
    for seed in (1, 2):
        out = tmp_path / str(seed)
        train("a", lora(), tiny_base, out, live=tmp_path / f"live{seed}", seed=seed)
    assert digest.folder_files(tmp_path / "1") != digest.folder_files(tmp_path / "2")


@KINDS
def test_new_adapter_is_the_base(config, tiny_base):
    """Before the first step an adapter changes no logit."""
    loaded = base.load(tiny_base)
    ids = chat.encode(loaded.tokenizer, dialogues(1)[0].messages, 128).input_ids
    with torch.inference_mode():
        plain = loaded.model(torch.tensor([ids])).logits
        adapted = adapter.add(loaded.model, config(), 1).eval()(torch.tensor([ids])).logits
    assert torch.equal(plain, adapted)


@KINDS
def test_checkpointing_changes_no_weight(config, tiny_base, tmp_path):
    """Recomputing activations saves memory and trains the same adapter."""
    for name, checkpointing in (("off", False), ("on", True)):
        train(
            "a",
            config(),
            tiny_base,
            tmp_path / name,
            live=tmp_path / f"live-{name}",
            gradient_checkpointing=checkpointing,
        )
    assert _furthest(_weights(tmp_path / "off"), _weights(tmp_path / "on")) < 1e-5


def test_accumulation_is_one_large_batch(tiny_base, tmp_path):
    """Four rows at once and one row four times are one step, weighted by tokens."""
    for name, batch_size, accumulation in (("whole", 4, 1), ("parts", 1, 4)):
        train(
            "a",
            lora(),
            tiny_base,
            tmp_path / name,
            live=tmp_path / f"live-{name}",
            batch_size=batch_size,
            accumulation=accumulation,
            steps=2,
            evaluations=1,
        )
    assert _furthest(_weights(tmp_path / "whole"), _weights(tmp_path / "parts")) < 1e-3
