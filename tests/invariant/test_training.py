"""What must not change a training: the machine's order, memory savings, the cut into passes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from caretune.lineage import digest
from caretune.model import adapter, base, chat
from caretune.training.settings import Operation
from tests.fixtures import steps
from tests.fixtures.models import dialogues, lora, moe_lora, train

EXACT = 1e-6
"""Share of the largest value: float32 sums in another order (measured: at most 2e-7)."""
KINDS = pytest.mark.parametrize("config", [moe_lora, lora], ids=["moe_lora", "lora"])


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "last" / "adapter_model.safetensors")


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
    assert steps.furthest(_weights(tmp_path / "off"), _weights(tmp_path / "on")) < 1e-5


def test_accumulation_is_one_large_batch(tiny_base, tmp_path):
    """Eight rows at once and one row eight times are one step of the same rows."""
    for name, batch_size, accumulation in (("whole", 8, 1), ("parts", 1, 8)):
        train(
            "a",
            lora(),
            tiny_base,
            tmp_path / name / "adapter",
            live=tmp_path / f"live-{name}",
            batch_size=batch_size,
            accumulation=accumulation,
            steps=2,
            evaluations=1,
        )
    # Adam divides by a gradient's own size, so that rounding grows where a gradient is near zero.
    weights = [_weights(tmp_path / name / "adapter") for name in ("whole", "parts")]
    assert steps.furthest(*weights) < 1e-3


WITHOUT_ROUTER_LOSSES = {"load_balance_weight": 0.0, "z_weight": 0.0, "domain_weight": 0.0}


@pytest.mark.parametrize(
    ("config", "tolerance"),
    [
        pytest.param(lora(), EXACT, id="lora"),
        pytest.param(moe_lora(**WITHOUT_ROUTER_LOSSES), EXACT, id="moe_lora"),
        pytest.param(moe_lora(), 0.04, id="moe_lora with router losses"),
    ],
)
def test_gradients_of_eight_passes_are_those_of_one(config, tolerance, tiny_base, tmp_path):
    """Eight rows in one pass give the gradients of eight passes of one row.

    But for the router's losses: each is a mean over a pass's tokens, so that in eight passes a
    short row's tokens count for more, and the load balance, a product of two means, is asked of
    each row instead of all. With weights 0.01, 0.001 and 0.1 that moves the gradients by 0.027 of
    the largest, and the loss by 1.5e-4 of itself.
    """
    whole = steps.take(tiny_base, config, tmp_path, per_device_train_batch_size=8)
    parts = steps.take(
        tiny_base,
        config,
        tmp_path,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
    )
    assert parts.loss == pytest.approx(whole.loss, rel=max(EXACT, tolerance / 100))
    assert steps.furthest(whole.gradients, parts.gradients) < tolerance


@KINDS
@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
def test_packed_rows_are_the_rows(config, checkpointing, tiny_base, tmp_path):
    """Packed, eight rows have the loss, the router's losses and the gradients they have padded."""
    options = {
        "activation_checkpointing": checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "per_device_train_batch_size": 8,
        "crisis_weight": 2.0,
    }
    padded = steps.take(tiny_base, config(), tmp_path, **options)
    packed = steps.take(tiny_base, config(), tmp_path, packing=True, **options)
    assert packed.loss == pytest.approx(padded.loss, rel=EXACT)
    assert steps.furthest(padded.gradients, packed.gradients) < EXACT


def test_workers_change_no_byte(tiny_base, tmp_path):
    """Batches made by two processes train the same adapter as those made by the trainer."""
    runs = []
    for workers in (0, 2):
        out = tmp_path / str(workers)
        how = Operation(workers=workers)
        train("a", moe_lora(), tiny_base, out / "adapter", live=out / "live", operation=how)
        runs.append([digest.folder_files(out / part) for part in ("adapter", "live")])
    assert runs[0] == runs[1]
