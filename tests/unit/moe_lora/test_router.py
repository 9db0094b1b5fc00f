"""Gates, and the router that makes them."""

import copy
import itertools
import pickle

import pytest
import torch
from peft import get_peft_model

from caretune.errors import ModelError
from caretune.moe_lora import router
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.router import rank_gates, top_k_gates
from tests.fixtures import moe_lora as tiny

pytestmark = tiny.PEFT_WARNS


@pytest.mark.parametrize("top_k", [1, 2, 3, 5])
def test_gates_are_a_softmax_cut_to_the_largest(top_k: int) -> None:
    """Gates equal the softmax over all experts with the smaller ones cut and the rest rescaled."""
    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    whole = logits.softmax(-1)
    kept = whole * (whole >= whole.topk(top_k).values[:, -1:])
    torch.testing.assert_close(top_k_gates(logits, top_k), kept / kept.sum(-1, keepdim=True))


def test_gates_are_spread_over_ranks_with_shared_experts_and_scale() -> None:
    """Two experts and a shared one of rank 2 at scale 3 give six factors."""
    config = MoeLoraConfig(
        r=2,
        num_experts=2,
        top_k=1,
        num_shared_experts=1,
        lora_alpha=6,
        target_modules=["q_proj"],
    )
    spread = rank_gates(torch.tensor([0.25, 0.75]), config)
    assert spread.tolist() == [0.75, 0.75, 2.25, 2.25, 3.0, 3.0]


def test_every_block_has_its_own_router_and_gates() -> None:
    """Three blocks route three times, each on its own input."""
    model = tiny.adapted()
    model(**tiny.batch())
    gates = [router.state.rank_gates["default"] for router in tiny.tuner(model).routers]
    assert len(gates) == tiny.LAYERS
    assert not torch.equal(gates[0], gates[1])
    assert not torch.equal(gates[1], gates[2])


def test_every_layer_has_its_own_router_and_input() -> None:
    """With a router for each layer, each routes on what its layer gets, however wide that is."""
    model = tiny.adapted(router_per="module")
    model(**tiny.batch())
    routers = tiny.tuner(model).routers
    assert len(routers) == 7 * tiny.LAYERS
    layer = model.get_base_model().model.layers[0]
    for part, width in ((layer.self_attn.q_proj, 32), (layer.mlp.down_proj, 64)):
        assert part.expert_router.moelora_router["default"].shape == (tiny.EXPERTS, width)
    gates = [router.state.rank_gates["default"] for router in routers]
    assert not any(torch.equal(one, two) for one, two in itertools.combinations(gates, 2))


def test_routers_start_small_and_random() -> None:
    """Fresh weights have the configured spread; zeros would make every choice a tie."""
    torch.manual_seed(0)
    model = get_peft_model(tiny.llama(), tiny.config(router_init_std=0.02))
    weights = torch.stack(
        [router.moelora_router["default"] for router in tiny.tuner(model).routers]
    )
    assert weights.std().item() == pytest.approx(0.02, rel=0.15)
    assert weights.abs().max() < 0.1


def test_routers_compute_in_fp32_on_a_bf16_base_under_autocast() -> None:
    """Weights and logits stay fp32 where base, input and autocast are bf16."""
    model = tiny.adapted(tiny.llama().to(torch.bfloat16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(**tiny.batch())
    router = tiny.tuner(model).routers[0]
    assert router.moelora_router["default"].dtype is torch.float32
    assert router.state.logits["default"].dtype is torch.float32
    hidden = model.get_base_model().model.embed_tokens(tiny.batch()["input_ids"])
    hidden = torch.nn.functional.rms_norm(hidden.float(), hidden.shape[-1:], eps=1e-12)
    wanted = hidden @ router.moelora_router["default"].T
    torch.testing.assert_close(router.state.logits["default"], wanted)


@pytest.mark.parametrize("router_per", ["block", "module"])
def test_routers_are_fp32_even_where_experts_are_not(router_per: str) -> None:
    """With autocast_adapter_dtype off the experts follow a bf16 base, the routers do not."""
    base = tiny.llama().to(torch.bfloat16)
    config = tiny.config(router_per=router_per)
    model = get_peft_model(base, config, autocast_adapter_dtype=False)
    kinds = {name.split(".")[-2]: p.dtype for name, p in model.named_parameters() if "moe" in name}
    assert kinds == {
        "moelora_A": torch.bfloat16,
        "moelora_B": torch.bfloat16,
        "moelora_router": torch.float32,
    }
    assert model(**tiny.batch()).logits.isfinite().all()


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((4,), id="one short"),
        pytest.param((3, 5), id="another batch"),
        pytest.param((1, 1, 5), id="too many dimensions"),
    ],
)
def test_gates_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    """Given gates must be one an expert, for all rows or for each row."""
    with pytest.raises(ModelError) as caught:
        tiny.adapted()(**tiny.batch(), expert_gates=torch.ones(shape))
    assert str(caught.value) == (
        f"expert gates have shape {shape}, adapter default needs (5,) or (2, 5). "
        "Give one gate an expert, for all rows or for each."
    )


@pytest.mark.parametrize(
    "duplicate",
    [
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda model: pickle.loads(pickle.dumps(model)), id="pickle"),
    ],
)
@pytest.mark.parametrize("router_per", ["block", "module"])
def test_a_copy_after_a_training_step_routes_on_its_own(duplicate, router_per: str) -> None:
    """Copies leave the last call's graph behind, and their layers listen to their own routers."""
    model = tiny.adapted(router_per=router_per).train()
    wanted = model(**tiny.batch()).logits
    copied = duplicate(model)
    assert tiny.tuner(copied).router_losses() is None
    assert torch.equal(copied(**tiny.batch()).logits, wanted)
    tiny.randomised(copied, seed=5)
    assert torch.equal(model(**tiny.batch()).logits, wanted)
    assert not torch.equal(copied(**tiny.batch()).logits, wanted)


def test_a_copy_of_a_checkpointed_model_replays_its_own_gates() -> None:
    """After a step the original still learns as the copy does, each by its own routers."""
    model = tiny.adapted().train()
    model.get_base_model().activation_checkpointing_enable({"use_reentrant": False})
    tiny.loss(model)
    copied = copy.deepcopy(model)
    losses = [tiny.loss(each) for each in (model, copied)]  # both before the first is replayed
    for loss in losses:
        loss.backward()
    pairs = list(zip(model.parameters(), copied.parameters(), strict=True))
    assert all(torch.equal(one.grad, two.grad) for one, two in pairs if one.requires_grad)


def test_logits_have_the_gradients_of_their_formula() -> None:
    """Both outputs teach the weights; the hidden state hears of the gates alone."""
    torch.manual_seed(0)
    hidden = torch.randn(2, 3, 8, dtype=torch.float32, requires_grad=True)
    weight = torch.randn(4, 8, requires_grad=True)
    one, two = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    gates, losses = router._Logits.apply(hidden, weight)
    assert torch.equal(gates, losses)
    ((gates * one).sum() + (losses * two).sum()).backward()
    found = hidden.grad, weight.grad
    hidden.grad = weight.grad = None

    def plain(x):
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp(min=1e-6)
        return torch.nn.functional.linear(x, weight) * (8**0.5 / length)

    torch.testing.assert_close(gates, plain(hidden))
    ((plain(hidden) * one).sum() + (plain(hidden.detach()) * two).sum()).backward()
    torch.testing.assert_close(found, (hidden.grad, weight.grad))
