"""One linear layer with stacked experts: what it computes and when it may merge."""

import pytest
import torch
from torch import Tensor

from caretune.errors import ModelError
from caretune.moe_lora.layer import MoeLoraLinear, _GatedUp
from caretune.moe_lora.router import rank_gates
from tests.fixtures import moe_lora as tiny

pytestmark = [tiny.PEFT_WARNS, pytest.mark.usefixtures("router_per")]
router_per = tiny.router_per
FIRST = [1.0, 0.0, 0.0, 0.0, 0.0]
MIX = [0.5, 0.0, 0.25, 0.25, 0.0]


def layer_of(model) -> MoeLoraLinear:
    """The first block's down projection."""
    return model.get_base_model().model.layers[0].mlp.down_proj


def one_by_one(layer: MoeLoraLinear, x: Tensor, gates: Tensor) -> Tensor:
    """The reference: the base layer, then every expert's own pair of products, by a loop."""
    config = layer.configs["default"]
    downs = layer.moelora_A["default"].split(config.r, dim=0)
    ups = layer.moelora_B["default"].split(config.r, dim=1)
    shared = torch.ones(*gates.shape[:-1], config.num_shared_experts)
    weights = torch.cat([gates, shared], dim=-1)
    result = layer.base_layer(x)
    for expert, (down, up) in enumerate(zip(downs, ups, strict=True)):
        result = result + weights[..., expert : expert + 1] * (x @ down.T @ up.T) * config.scaling
    return result


@pytest.mark.parametrize(("experts", "shared", "top_k"), [(5, 1, 2), (3, 0, 1), (4, 2, 4)])
def test_stacked_experts_equal_a_loop_over_experts(experts: int, shared: int, top_k: int) -> None:
    """Two products over all experts give what one pair an expert gives, to 4e-7 of the largest."""
    model = tiny.adapted(num_experts=experts, num_shared_experts=shared, top_k=top_k)
    seen: dict[str, Tensor] = {}
    layer = layer_of(model)
    layer.register_forward_hook(lambda _, args, out: seen.update(x=args[0], out=out))
    model(**tiny.batch())
    config = layer.configs["default"]
    gates = (
        layer.states["default"].rank_gates["default"][..., :: config.r][..., :experts]
        / config.scaling
    )
    wanted = one_by_one(layer, seen["x"], gates)
    assert largest(seen["out"] - wanted) <= 4e-7 * largest(wanted)
    assert not torch.allclose(seen["out"], layer.base_layer(seen["x"]))


def test_stacked_experts_learn_as_in_a_loop_over_experts() -> None:
    """Gradients of A, B and the input agree to 4e-7 of the largest, in a layer on its own."""
    model = tiny.adapted()
    layer = layer_of(model)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 7, layer.base_layer.in_features, generator=generator, requires_grad=True)
    gates = torch.rand(2, 7, tiny.EXPERTS, generator=generator)
    config = layer.configs["default"]
    layer.states["default"].rank_gates["default"] = rank_gates(gates, config)
    learnt = (x, layer.moelora_A["default"], layer.moelora_B["default"])
    stacked, loop = (
        torch.autograd.grad(output.square().sum(), learnt)
        for output in (
            layer._update("default", x),
            one_by_one(layer, x, gates) - layer.base_layer(x),
        )
    )
    for one, other in zip(stacked, loop, strict=True):
        assert largest(one - other) <= 4e-7 * largest(other)


def largest(tensor: Tensor) -> float:
    """The largest size of an entry."""
    return float(tensor.detach().abs().max())


@pytest.mark.parametrize(
    "shape", [pytest.param((2, 3, 6), id="a gate a token"), pytest.param((6,), id="one for all")]
)
def test_the_gated_product_has_the_gradients_of_its_formula(shape: tuple[int, ...]) -> None:
    """Against finite differences, in hidden ranks, gates and B."""
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(*size, generator=generator, dtype=torch.float64, requires_grad=True)
        for size in ((2, 3, 6), shape, (4, 6))
    ]
    assert torch.autograd.gradcheck(_GatedUp.apply, tensors)


def test_training_and_inference_compute_the_same() -> None:
    """Logits with and without gradients are equal, bit for bit."""
    model = tiny.adapted()
    trained = model(**tiny.batch()).logits
    with torch.no_grad():
        assert torch.equal(model(**tiny.batch()).logits, trained)


def test_a_step_under_bf16_autocast_has_finite_fp32_gradients() -> None:
    """Experts and routers learn in fp32 where the base computes in bf16."""
    model = tiny.adapted().train()
    given = tiny.batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(**given, labels=given["input_ids"]).loss
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(g is not None and g.dtype is torch.float32 and g.isfinite().all() for g in gradients)


def test_an_expert_without_gate_gets_no_gradient() -> None:
    """With the gate on the first expert, only it and the shared expert learn."""
    model = tiny.adapted().train()
    model(**tiny.batch(), expert_gates=torch.tensor(FIRST)).logits.sum().backward()
    gradient = layer_of(model).moelora_B["default"].grad
    assert gradient is not None
    by_expert = gradient.unflatten(1, (6, 4)).abs().amax(dim=(0, 2))
    assert (by_expert > 0).tolist() == [True, False, False, False, False, True]


def test_dropout_acts_in_training_only() -> None:
    """Two training passes differ, two evaluations do not."""
    model = tiny.adapted(lora_dropout=0.5)
    assert torch.equal(model(**tiny.batch()).logits, model(**tiny.batch()).logits)
    model.train()
    assert not torch.equal(model(**tiny.batch()).logits, model(**tiny.batch()).logits)


def test_merging_without_static_gates_is_refused() -> None:
    """Experts chosen for each token have no one weight."""
    with pytest.raises(ModelError) as caught:
        tiny.adapted().merge_adapter()
    assert str(caught.value) == (
        "adapter default chooses experts for each token, so it has no one weight to merge. "
        "Call set_static_gates with the gates to merge first."
    )


def test_gates_of_a_call_never_reach_a_merge() -> None:
    """A merge is refused after a call with gates, and merges the static ones where both are."""
    model = tiny.adapted()
    model(**tiny.batch(), expert_gates=torch.tensor(FIRST))
    with pytest.raises(ModelError, match="has no one weight to merge"):
        model.merge_adapter()
    tiny.tuner(model).set_static_gates(MIX)
    wanted = model(**tiny.batch()).logits
    model(**tiny.batch(), expert_gates=torch.tensor(FIRST))
    model.merge_adapter()
    torch.testing.assert_close(model(**tiny.batch()).logits, wanted)


def test_merging_twice_is_merging_once() -> None:
    """The second merge adds nothing, and PEFT says so."""
    model = tiny.adapted()
    tiny.tuner(model).set_static_gates(MIX)
    model.merge_adapter()
    once = layer_of(model).base_layer.weight.clone()
    with pytest.warns(UserWarning, match="already merged"):
        model.merge_adapter()
    assert torch.equal(layer_of(model).base_layer.weight, once)


def test_a_safe_merge_is_the_same_merge() -> None:
    """With finite weights both ways give the same bits."""
    weights = []
    for safe in (False, True):
        model = tiny.adapted()
        tiny.tuner(model).set_static_gates(MIX)
        model.merge_adapter(safe_merge=safe)
        weights.append(layer_of(model).base_layer.weight)
    assert torch.equal(*weights)


def test_merged_gates_cannot_change() -> None:
    """Neither for good nor for a call: the merged weight would go on with the old ones."""
    model = tiny.adapted()
    tiny.tuner(model).set_static_gates(MIX)
    model.merge_adapter()
    for gates in (FIRST, None):
        with pytest.raises(ModelError) as caught:
            tiny.tuner(model).set_static_gates(gates)
        assert str(caught.value) == (
            "static gates cannot change while an adapter is merged with them. Call "
            "unmerge_adapter first."
        )
    with pytest.raises(ModelError) as caught:
        model(**tiny.batch(), expert_gates=torch.tensor(FIRST))
    assert str(caught.value) == (
        "default is merged with fixed gates, which a call cannot change. Call unmerge_adapter first."
    )


def test_unmerging_gives_the_base_weight_back() -> None:
    """And the gates can change again."""
    model = tiny.adapted()
    before = layer_of(model).base_layer.weight.clone()
    tiny.tuner(model).set_static_gates(MIX)
    model.merge_adapter()
    assert not torch.allclose(layer_of(model).base_layer.weight, before)
    model.unmerge_adapter()
    torch.testing.assert_close(layer_of(model).base_layer.weight, before)
    tiny.tuner(model).set_static_gates(FIRST)


def test_disabling_a_merged_adapter_unmerges_it() -> None:
    """Inside disable_adapter a merged model answers as its base."""
    model = tiny.adapted()
    tiny.tuner(model).set_static_gates(MIX)
    model.merge_adapter()
    with model.disable_adapter():
        torch.testing.assert_close(
            model(**tiny.batch()).logits, tiny.llama()(**tiny.batch()).logits
        )


def test_a_safe_merge_refuses_weights_that_are_not_finite() -> None:
    """The base weight stays as it was."""
    model = tiny.adapted()
    layer = layer_of(model)
    layer.moelora_B["default"].data[0, 0] = torch.inf
    tiny.tuner(model).set_static_gates(FIRST)
    with pytest.raises(ModelError, match="weights that are not finite"):
        model.merge_adapter(safe_merge=True)
    assert layer.base_layer.weight.isfinite().all()
