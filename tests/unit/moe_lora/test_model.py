"""The tuner: side inputs of a call, targets, adapters, and what PEFT does with them."""

import pytest
import torch
from peft import PeftModel, get_peft_model, inject_adapter_in_model
from peft.utils.save_and_load import get_peft_model_state_dict
from torch import nn

from caretune.errors import ModelError
from caretune.moe_lora.layer import MoeLoraLinear
from caretune.moe_lora.router import Router
from tests.fixtures import moe_lora as tiny

pytestmark = [tiny.PEFT_WARNS, pytest.mark.usefixtures("router_per")]
router_per = tiny.router_per
SECOND = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])
PROMPT = {
    "input_ids": tiny.batch()["input_ids"][:1],
    "attention_mask": torch.ones(1, 12, dtype=torch.long),
    "max_new_tokens": 6,
    "do_sample": False,
    "eos_token_id": None,
}
THIRD = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])


def test_gates_of_a_call_equal_static_gates() -> None:
    """One mix for all rows, given per call or set, gives the same logits."""
    model = tiny.adapted()
    called = model(**tiny.batch(), expert_gates=SECOND).logits
    tiny.tuner(model).set_static_gates([0, 1, 0, 0, 0])
    assert torch.equal(model(**tiny.batch()).logits, called)
    assert not torch.equal(model(**tiny.batch(), expert_gates=THIRD).logits, called)


def test_each_row_may_have_its_own_gates() -> None:
    """Two rows with two mixes equal two calls with one mix each."""
    model = tiny.adapted()
    both = model(**tiny.batch(), expert_gates=torch.stack([SECOND, THIRD])).logits
    torch.testing.assert_close(both[0], model(**tiny.batch(), expert_gates=SECOND).logits[0])
    torch.testing.assert_close(both[1], model(**tiny.batch(), expert_gates=THIRD).logits[1])


def test_gates_of_a_call_end_with_the_call() -> None:
    """The next call is routed again."""
    model = tiny.adapted()
    routed = model(**tiny.batch()).logits
    model(**tiny.batch(), expert_gates=SECOND)
    assert torch.equal(model(**tiny.batch()).logits, routed)


def test_static_gates_end_when_taken_back() -> None:
    """With None the routers choose again."""
    model = tiny.adapted()
    routed = model(**tiny.batch()).logits
    tiny.tuner(model).set_static_gates(SECOND)
    tiny.tuner(model).set_static_gates(None)
    assert torch.equal(model(**tiny.batch()).logits, routed)


def test_a_part_of_the_model_runs_without_gradients_after_a_training_call() -> None:
    """What a training call forbids ends with the call, even one that fails."""
    model = tiny.adapted()
    hidden = model.get_base_model().model(**tiny.batch()).last_hidden_state
    with pytest.raises(IndexError):
        model(input_ids=torch.tensor([[tiny.VOCABULARY]]))
    with torch.no_grad():
        again = model.get_base_model().model(**tiny.batch()).last_hidden_state
    assert torch.equal(again, hidden)


@pytest.mark.parametrize("task_type", ["CAUSAL_LM", None])
def test_side_inputs_work_with_and_without_a_task_type(task_type: str | None) -> None:
    """PeftModel.forward without a task type goes past the tuner's forward, and still routes."""
    model = tiny.adapted(task_type=task_type)
    plain = model(**tiny.batch()).logits
    gated = model(**tiny.batch(), expert_gates=SECOND, domain_ids=torch.tensor([1, 1])).logits
    assert not torch.equal(gated, plain)
    model(**tiny.batch(), domain_ids=torch.tensor([1, 1]))
    losses = tiny.tuner(model).router_losses()
    assert losses is not None
    assert losses.domain is not None


@pytest.mark.parametrize("task_type", ["CAUSAL_LM", None])
def test_generate_uses_static_gates(task_type: str | None) -> None:
    """Generation goes past the tuner's forward, and still is routed or gated."""
    model = tiny.adapted(task_type=task_type)
    routed = model.generate(**PROMPT)
    tiny.tuner(model).set_static_gates(SECOND)
    assert not torch.equal(model.generate(**PROMPT), routed)


def test_rows_of_one_generation_may_have_their_own_gates() -> None:
    """Two requests with two mixes get, in one batch, the tokens that each gets alone."""
    model = tiny.adapted()
    prompts = PROMPT | {name: PROMPT[name].repeat(2, 1) for name in ("input_ids", "attention_mask")}
    both = model.generate(**prompts, expert_gates=torch.stack([SECOND, THIRD]))
    assert torch.equal(both[:1], model.generate(**PROMPT, expert_gates=SECOND))
    assert torch.equal(both[1:], model.generate(**PROMPT, expert_gates=THIRD))
    assert not torch.equal(both[0], both[1])


def test_generate_takes_gates_for_its_tokens() -> None:
    """Generating with gates equals generating with static ones, and the gates end with it."""
    model = tiny.adapted()
    routed = model(**tiny.batch()).logits
    gated = model.generate(**PROMPT, expert_gates=SECOND)
    assert torch.equal(model(**tiny.batch()).logits, routed)
    assert not torch.equal(model.generate(**PROMPT), gated)
    tiny.tuner(model).set_static_gates(SECOND)
    assert torch.equal(model.generate(**PROMPT), gated)


def test_a_mask_given_by_place_counts() -> None:
    """The mask leaves padding out of the losses as second argument too."""
    model = tiny.adapted(task_type=None)
    ids, mask = tiny.batch().values()
    found = []
    for args, kwargs in (((ids, mask), {}), ((ids,), {"attention_mask": mask}), ((ids,), {})):
        model(*args, **kwargs)
        found.append(tiny.tuner(model).router_losses().expert_load)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_padding_does_not_reach_the_losses() -> None:
    """What stands in padded places changes no loss."""
    model = tiny.adapted()
    given, ids = tiny.batch(), torch.tensor([1, 3])
    model(**given, domain_ids=ids)
    before = tiny.tuner(model).router_losses()
    given["input_ids"][1, 8:] = 9
    model(**given, domain_ids=ids)
    after = tiny.tuner(model).router_losses()
    for name, one, two in zip(before._fields, before, after, strict=True):
        torch.testing.assert_close(one, two, msg=f"{name} counts padding")


def test_packed_rows_without_a_mask_count_every_token() -> None:
    """No mask means no padding: losses of the row are those with a mask of ones."""
    model = tiny.adapted()
    ids = tiny.batch()["input_ids"]
    model(input_ids=ids, attention_mask=torch.ones_like(ids))
    masked = tiny.tuner(model).router_losses()
    model(input_ids=ids)
    packed = tiny.tuner(model).router_losses()
    assert torch.equal(masked.total, packed.total)


def test_routers_learn_the_domains_they_are_told() -> None:
    """Rows whose tokens give their domain away are routed to it after 40 steps."""
    torch.manual_seed(0)
    model = get_peft_model(tiny.llama(), tiny.config(domain_weight=1.0)).train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    domains = torch.arange(10) % tiny.EXPERTS
    ids = torch.randint(3, 13, (10, 8)) + 10 * domains.unsqueeze(1)  # ten words a domain
    accuracy = []
    for _ in range(40):
        optimizer.zero_grad()
        model(input_ids=ids, domain_ids=domains)
        losses = tiny.tuner(model).router_losses()
        losses.total.backward()
        optimizer.step()
        accuracy.append(losses.domain_accuracy.item())
    assert accuracy[0] < 0.5
    assert accuracy[-1] > 0.95


@pytest.mark.parametrize("off", ["static gates", "call gates", "disabled", "cleared"])
def test_no_router_no_losses(off: str) -> None:
    """Where no router ran since, the answer is None and not zero."""
    model = tiny.adapted()
    model(**tiny.batch())
    assert tiny.tuner(model).router_losses() is not None
    if off == "static gates":
        tiny.tuner(model).set_static_gates(SECOND)
        model(**tiny.batch())
    elif off == "call gates":
        model(**tiny.batch(), expert_gates=SECOND)
    elif off == "disabled":
        with model.disable_adapter():
            model(**tiny.batch())
    else:
        tiny.tuner(model).clear()
    assert tiny.tuner(model).router_losses() is None


def test_static_gates_of_a_wrong_length_are_refused() -> None:
    """They are checked when set, not when used."""
    with pytest.raises(ModelError) as caught:
        tiny.tuner(tiny.adapted()).set_static_gates([1.0, 0.0])
    assert str(caught.value) == (
        "static gates have shape (2,), the active adapter needs (5,). Give one gate an expert."
    )


def test_a_missing_target_is_an_error_that_names_it() -> None:
    """PEFT would pass over one missing name as long as another one is there."""
    with pytest.raises(ModelError) as caught:
        tiny.adapted(target_modules=["q_proj", "w2", "w1"])
    assert str(caught.value) == (
        "LlamaForCausalLM has no module named w1, w2. Mend target_modules in params.train."
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("lm_head", "lm_head stands in no decoder block, so no router", id="no block"),
        pytest.param(
            "input_layernorm",
            r"model\.layers\.0\.input_layernorm is a LlamaRMSNorm, MoE-LoRA needs torch\.nn\.Linear",
            id="no linear layer",
        ),
    ],
)
def test_a_target_that_takes_no_experts_is_refused(target: str, message: str) -> None:
    """Experts need a linear layer inside a decoder block."""
    with pytest.raises(ModelError, match=message):
        tiny.adapted(target_modules=[target])


def test_all_linear_takes_the_blocks_and_not_the_head() -> None:
    """Seven layers in each of three blocks, and saved names in order."""
    model = tiny.adapted(target_modules="all-linear")
    layers = [name for name, m in model.named_modules() if isinstance(m, MoeLoraLinear)]
    assert len(layers) == 7 * tiny.LAYERS
    assert not any("lm_head" in name for name in layers)


def test_an_added_adapter_has_routers_and_its_own_experts() -> None:
    """add_adapter goes past PEFT's injection hooks; the second adapter still works and differs."""
    model = tiny.adapted()
    first = model(**tiny.batch()).logits
    model.add_adapter("second", tiny.config(r=2, num_experts=3))
    tiny.randomised(model, seed=4, adapter="second")
    assert torch.equal(model(**tiny.batch()).logits, first)
    model.set_adapter("second")
    assert not torch.equal(model(**tiny.batch()).logits, first)
    assert tiny.tuner(model).router_losses().expert_load.shape == (3,)
    model.set_adapter("default")
    assert torch.equal(model(**tiny.batch()).logits, first)


def test_only_the_active_adapter_learns(router_per: str) -> None:
    """Experts and routers of the active adapter are trainable, all else is frozen."""
    model = get_peft_model(tiny.llama(), tiny.config())
    model.add_adapter("second", tiny.config())
    for active, idle in (("default", "second"), ("second", "default")):
        model.set_adapter(active)
        learning = [name for name, p in model.named_parameters() if p.requires_grad]
        assert all(f".{active}" in name for name in learning)
        assert not any(f".{idle}" in name for name in learning)
        assert sum("moelora_router" in name for name in learning) == tiny.ROUTERS[router_per]


def test_two_active_adapters_add_up_and_have_no_common_losses() -> None:
    """The sum is computed; losses ask for one adapter."""
    model = tiny.adapted()
    model.add_adapter("second", tiny.config())
    one = model(**tiny.batch()).logits
    tiny.tuner(model).set_adapter(["default", "second"])
    torch.testing.assert_close(model(**tiny.batch()).logits, one)
    with pytest.raises(ModelError, match=r"need one active adapter, got \['default', 'second'\]"):
        tiny.tuner(model).router_losses()


def test_both_kinds_of_router_stand_side_by_side(tmp_path) -> None:
    """Adapters with a router a block and one a layer answer each as on a model of its own."""
    answers = {}
    for kind in ("block", "module"):
        alone = tiny.adapted(router_per=kind, seed=len(kind))
        alone.save_pretrained(tmp_path / kind)
        answers[kind] = alone(**tiny.batch()).logits
    model = PeftModel.from_pretrained(tiny.llama(), tmp_path / "block", adapter_name="block")
    model.load_adapter(tmp_path / "module", "module")
    for kind in ("module", "block"):
        model.set_adapter(kind)
        assert torch.equal(model.eval()(**tiny.batch()).logits, answers[kind])
    assert not torch.equal(answers["block"], answers["module"])


def test_a_deleted_adapter_leaves_nothing() -> None:
    """No experts and no router of it stay, and the other one answers as before."""
    model = tiny.adapted()
    wanted = model(**tiny.batch()).logits
    model.add_adapter("second", tiny.config())
    model.delete_adapter("second")
    assert not any("second" in name for name in model.state_dict())
    assert torch.equal(model(**tiny.batch()).logits, wanted)


def test_unloading_gives_the_base_model_back() -> None:
    """No router, no hook, no layer of ours stays in the base."""
    model = tiny.adapted()
    base = model.unload()
    assert not any(isinstance(m, (MoeLoraLinear, Router)) for m in base.modules())
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in base.modules())
    assert torch.equal(base(**tiny.batch()).logits, tiny.llama()(**tiny.batch()).logits)


def test_an_unloaded_model_checkpoints_as_it_did() -> None:
    """The blocks have transformers' own checkpoint function back."""
    model = tiny.adapted().train()
    blocks = model.get_base_model().model.layers
    model.get_base_model().activation_checkpointing_enable({"use_reentrant": False})
    before = [block._gradient_checkpointing_func for block in blocks]
    tiny.loss(model).backward()
    base = model.unload()
    assert [block._gradient_checkpointing_func for block in base.model.layers] == before


def test_merging_and_unloading_gives_a_plain_model_with_the_static_gates() -> None:
    """The merged weights compute what the adapter computed."""
    model = tiny.adapted()
    tiny.tuner(model).set_static_gates(SECOND)
    wanted = model(**tiny.batch()).logits
    merged = model.merge_and_unload()
    assert {type(m) for m in merged.modules() if isinstance(m, nn.Linear)} == {nn.Linear}
    torch.testing.assert_close(merged(**tiny.batch()).logits, wanted)


def test_injection_without_a_tuner_is_refused() -> None:
    """Routers need the tuner, so PEFT must not put bare layers into a model."""
    with pytest.raises(ValueError, match="uses shared state"):
        inject_adapter_in_model(tiny.config(), tiny.llama())


def test_saved_weights_are_experts_and_routers_only(router_per: str) -> None:
    """Two matrices a layer and one router a block or layer, no base weight."""
    names = get_peft_model_state_dict(tiny.adapted())
    assert len(names) == tiny.LAYERS * 7 * 2 + tiny.ROUTERS[router_per]
    assert all("moelora_" in name for name in names)


def test_adapters_may_stand_in_different_blocks(tmp_path) -> None:
    """A block without the active adapter computes its base, and has no router of it."""
    model = tiny.adapted(target_modules=r".*layers\.0\..*q_proj")
    model.save_pretrained(tmp_path)
    wanted = model(**tiny.batch()).logits
    assert len(tiny.tuner(model).routers) == 1
    other = tiny.adapted(target_modules=r".*layers\.2\..*down_proj")
    other.load_adapter(tmp_path, "first_block", low_cpu_mem_usage=True)
    other.set_adapter("first_block")
    assert torch.equal(other(**tiny.batch()).logits, wanted)
    tiny.tuner(other).set_static_gates(SECOND)
    gated = other(**tiny.batch()).logits
    other.merge_adapter()
    torch.testing.assert_close(other(**tiny.batch()).logits, gated)


def test_a_loaded_adapter_learns_where_asked_to(tmp_path) -> None:
    """is_trainable gives every expert and router a gradient again; the default gives none."""
    model = tiny.adapted()
    model.save_pretrained(tmp_path)
    weights = sum(p.requires_grad for p in model.parameters())
    frozen = PeftModel.from_pretrained(tiny.llama(), tmp_path)
    assert not any(p.requires_grad for p in frozen.parameters())
    learning = PeftModel.from_pretrained(tiny.llama(), tmp_path, is_trainable=True)
    assert sum(p.requires_grad for p in learning.parameters()) == weights


def test_loading_weights_onto_an_empty_adapter_works(tmp_path) -> None:
    """low_cpu_mem_usage builds the adapter on the meta device first."""
    model = tiny.adapted()
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(tiny.llama(), tmp_path, low_cpu_mem_usage=True).eval()
    assert not any(p.is_meta for p in loaded.parameters())
    assert torch.equal(loaded(**tiny.batch()).logits, model(**tiny.batch()).logits)
