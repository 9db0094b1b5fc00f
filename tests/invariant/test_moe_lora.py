"""Configurations of MoE-LoRA that must not differ: on the two shapes of decoder."""

import json
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM

from caretune.errors import ModelError
from tests.fixtures import moe_lora as tiny

pytestmark = [
    tiny.PEFT_WARNS,
    pytest.mark.usefixtures("router_per"),
    pytest.mark.parametrize("build", [tiny.llama, tiny.mistral_nemo]),
]
router_per = tiny.router_per


def gradients(build, **checkpointing: bool) -> dict[str, Tensor]:
    """Gradients of a training step, losses of the routers included."""
    model = trainable(build, **checkpointing)
    tiny.loss(model).backward()
    return gradients_of(model)


def trainable(build, **checkpointing: bool) -> PeftModel:
    """A model in training, checkpointed where asked for."""
    model = tiny.adapted(build()).train()
    if checkpointing:
        model.get_base_model().activation_checkpointing_enable(checkpointing)
    return model


def gradients_of(model: PeftModel) -> dict[str, Tensor]:
    """Gradients by name."""
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


def test_a_fresh_adapter_changes_nothing(build) -> None:
    """With B at zero the logits are the base's, bit for bit."""
    model = get_peft_model(build(), tiny.config()).eval()
    assert torch.equal(model(**tiny.batch()).logits, build()(**tiny.batch()).logits)


def test_a_disabled_adapter_changes_nothing(build) -> None:
    """Inside disable_adapter a trained model answers as its base, and outside it does not."""
    model, base = tiny.adapted(build()), build()(**tiny.batch()).logits
    with model.disable_adapter():
        assert torch.equal(model(**tiny.batch()).logits, base)
    assert not torch.allclose(model(**tiny.batch()).logits, base)


def test_checkpointing_on_and_off_have_equal_gradients(build) -> None:
    """A replayed block finds its own gates, so every parameter has the same gradient."""
    off, on = gradients(build), gradients(build, use_reentrant=False)
    assert off.keys() == on.keys()
    assert all(gradient is not None and gradient.any() for gradient in off.values())
    for name, gradient in off.items():
        torch.testing.assert_close(on[name], gradient, rtol=1e-5, atol=1e-7)


def test_recomputed_routers_overwrite_their_records(build) -> None:
    """After a backward pass the records are as many, and say the same, as before it."""
    for checkpointing in ({}, {"use_reentrant": False}):
        model = trainable(build, **checkpointing)
        loss = tiny.loss(model)
        before = tiny.tuner(model).router_losses()
        loss.backward()
        after = tiny.tuner(model).router_losses()
        assert [a.tolist() for a in after] == [b.tolist() for b in before]
        assert all(len(router.state.logits) == 1 for router in tiny.tuner(model).routers)


def test_two_calls_before_one_backward_pass_keep_their_own_gates(build) -> None:
    """Checkpointing replays each call with its own gates, whatever was routed since."""
    both = []
    for checkpointing in ({}, {"use_reentrant": False}):
        model = trainable(build, **checkpointing)
        (tiny.loss(model) + tiny.loss(model, rows=1) + tiny.loss(model)).backward()
        both.append(gradients_of(model))
    for name, gradient in both[0].items():
        torch.testing.assert_close(both[1][name], gradient, rtol=1e-5, atol=1e-6)


def test_reentrant_checkpointing_is_refused(build) -> None:
    """It would give the routers no gradient, or a wrong one."""
    with pytest.raises(ModelError) as caught:
        gradients(build, use_reentrant=True)
    assert str(caught.value) == (
        "reentrant gradient checkpointing cuts the routers off from their gradients. "
        "Set gradient_checkpointing_kwargs to {'use_reentrant': False}."
    )


def test_saving_and_loading_changes_nothing(build, tmp_path: Path) -> None:
    """Through save_pretrained, from_pretrained, a second adapter and AutoPeft: difference 0.0."""
    build().save_pretrained(tmp_path / "base")
    load = AutoModelForCausalLM.from_pretrained
    model = tiny.adapted(load(tmp_path / "base"))
    wanted = model(**tiny.batch()).logits
    model.save_pretrained(tmp_path / "adapter")
    reloaded = PeftModel.from_pretrained(load(tmp_path / "base"), tmp_path / "adapter").eval()
    assert torch.equal(reloaded(**tiny.batch()).logits, wanted)
    automatic = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter").eval()
    assert torch.equal(automatic(**tiny.batch()).logits, wanted)
    other = tiny.adapted(load(tmp_path / "base"), seed=8)
    other.load_adapter(tmp_path / "adapter", "second")
    assert not torch.equal(other(**tiny.batch()).logits, wanted)
    other.set_adapter("second")
    assert torch.equal(other(**tiny.batch()).logits, wanted)


def test_saving_twice_gives_the_same_bytes(build, tmp_path: Path) -> None:
    """Config and weights of two equal runs are equal, byte for byte."""
    for name in ("one", "two"):
        tiny.adapted(build(), target_modules="all-linear").save_pretrained(tmp_path / name)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    targets = json.loads((tmp_path / "one" / "adapter_config.json").read_text())["target_modules"]
    assert targets == sorted(targets)  # in one process a set has one order, in two it has not


def test_one_token_at_a_time_equals_the_whole_row(build) -> None:
    """With a key-value cache every token is routed as in one pass over the row."""
    model, ids = tiny.adapted(build()), tiny.batch()["input_ids"]
    whole = model(input_ids=ids).logits
    cache, steps = None, []
    for token in ids.split(1, dim=1):
        output = model(input_ids=token, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        steps.append(output.logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=1e-5, atol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(build) -> None:
    """A row alone has the logits that it has in a batch."""
    model, given = tiny.adapted(build()), tiny.batch()
    together = model(**given).logits
    for row in range(2):
        alone = model(**{name: tensor[row : row + 1] for name, tensor in given.items()}).logits
        torch.testing.assert_close(alone[0], together[row])


def test_router_losses_teach_the_routers_alone(build) -> None:
    """No expert gets a gradient from them, every router does."""
    model = trainable(build)
    model(**tiny.batch(), domain_ids=torch.tensor([0, 1]))
    model.base_model.router_losses().total.backward()
    taught = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught
    assert all("moelora_router" in name for name in taught)
