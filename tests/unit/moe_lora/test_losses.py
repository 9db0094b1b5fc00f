"""The router losses, against numbers worked out by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.losses import RouterLosses, router_losses

CONFIG = MoeLoraConfig(
    num_experts=4,
    top_k=1,
    target_modules=["q_proj"],
    load_balance_weight=0.5,
    z_weight=0.25,
    domain_weight=2.0,
)


def logits(*experts: int, height: float = 50.0) -> Tensor:
    """One block, one row: token i is all but sure of expert `experts[i]`."""
    return torch.nn.functional.one_hot(torch.tensor([[experts]]), 4).float() * height


def of(given: Tensor, mask: Tensor | None = None, ids: Tensor | None = None) -> RouterLosses:
    """The losses of a row."""
    return router_losses(given, CONFIG, mask, ids)


def test_even_load_has_load_balance_one() -> None:
    """Four tokens that go to four experts are as even as it gets."""
    losses = of(logits(0, 1, 2, 3))
    assert losses.load_balance.item() == pytest.approx(1.0)
    assert losses.expert_load.tolist() == [0.25, 0.25, 0.25, 0.25]


def test_one_expert_with_all_the_load_has_load_balance_of_all_experts() -> None:
    """Everything on one of four experts costs 4."""
    losses = of(logits(2, 2, 2, 2))
    assert losses.load_balance.item() == pytest.approx(4.0)
    assert losses.expert_load.tolist() == [0.0, 0.0, 1.0, 0.0]


def test_load_is_the_share_of_the_gates() -> None:
    """With top-2 a token's two gates sum to 1: the surer choice counts more, up to all of it."""
    config = MoeLoraConfig(num_experts=4, top_k=2, target_modules=["q_proj"])
    even = torch.tensor([[[[3.0, 3.0, 1.0, 0.0], [3.0, 0.0, 0.0, 3.0]]]])
    assert router_losses(even, config).expert_load.tolist() == [0.5, 0.25, 0.0, 0.25]
    sure = torch.tensor([[[[90.0, 2.0, 1.0, 0.0], [90.0, 0.0, 0.0, 2.0]]]])
    assert router_losses(sure, config).expert_load.tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0])


def test_all_on_the_same_two_experts_has_load_balance_of_experts_over_top_k() -> None:
    """Two of four experts take all: the first has all probability, half of the choices."""
    config = MoeLoraConfig(num_experts=4, top_k=2, target_modules=["q_proj"])
    given = torch.tensor([[[[90.0, 2.0, 1.0, 0.0]] * 3]])
    assert router_losses(given, config).load_balance.item() == pytest.approx(4 / 2)


def test_z_is_the_squared_log_of_the_summed_exponentials() -> None:
    """Logits of zero over four experts sum to 4."""
    assert of(torch.zeros(1, 1, 3, 4)).z.item() == pytest.approx(math.log(4) ** 2)


def test_total_is_the_weighted_sum() -> None:
    """Weights 0.5, 0.25 and 2 apply to load balance, z and domain."""
    losses = of(torch.zeros(1, 1, 3, 4), ids=torch.tensor([1]))
    assert losses.domain is not None
    wanted = 0.5 * losses.load_balance + 0.25 * losses.z + 2.0 * losses.domain
    assert losses.total.item() == pytest.approx(wanted.item())


def test_domain_is_cross_entropy_and_accuracy_counts_the_likeliest_expert() -> None:
    """Two of three supervised tokens go where their domain wants them."""
    losses = of(logits(0, 1, 2, 3, height=1.0), ids=torch.tensor([[0, 1, 3, -100]]))
    spread = math.log(3 + math.e)
    assert losses.domain is not None
    assert losses.domain.item() == pytest.approx((2 * (spread - 1) + spread) / 3)
    assert losses.domain_accuracy is not None
    assert losses.domain_accuracy.item() == pytest.approx(2 / 3)


def test_ids_a_row_are_ids_of_all_its_tokens() -> None:
    """One id a row means the same as that id for every token."""
    given = torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(3))
    by_row = of(given, ids=torch.tensor([1, -100]))
    by_token = of(given, ids=torch.tensor([[1, 1, 1], [-100, -100, -100]]))
    assert by_row.domain is not None
    assert torch.equal(by_row.total, by_token.total)


@pytest.mark.parametrize(
    "ids",
    [pytest.param(None, id="no ids"), pytest.param(torch.tensor([-100]), id="all unsupervised")],
)
def test_nothing_supervised_is_none_and_not_zero(ids: Tensor | None) -> None:
    """Without a supervised token there is no domain loss and no accuracy."""
    losses = of(logits(0, 1), ids=ids)
    assert losses.domain is None
    assert losses.domain_accuracy is None


def test_padding_counts_nowhere() -> None:
    """A row with two padded tokens has the losses of the row without them."""
    ids = torch.tensor([[0, 1, 2, 2]])
    padded = of(logits(0, 1, 2, 3), torch.tensor([[1, 1, 0, 0]]), ids)
    short = of(logits(0, 1), None, ids[:, :2])
    assert all(torch.equal(a, b) for a, b in zip(padded, short, strict=True))


def test_a_mask_over_cached_tokens_counts_its_end() -> None:
    """With a cache the mask is longer than the call; its last places are the call's tokens."""
    assert torch.equal(
        of(logits(0, 1), torch.tensor([[1, 1, 1, 0]])).expert_load, of(logits(0)).expert_load
    )


@pytest.mark.parametrize(
    ("mask", "ids", "message"),
    [
        pytest.param(
            torch.ones(1, 1, 2, 2),
            None,
            r"attention_mask has shape \(1, 1, 2, 2\), router losses need \(batch, seq\) with "
            r"batch 1 to leave padding out\. Pass a mask of ones and zeros\.",
            id="a mask of four dimensions",
        ),
        pytest.param(
            None,
            torch.tensor([1, 2]),
            r"domain_ids has shape \(2,\), expected \(1,\) or \(1, 2\)\. Give one id a row or one "
            r"a token\.",
            id="ids of another batch",
        ),
        pytest.param(
            None,
            torch.tensor([4]),
            r"domain_ids holds 4, there are 4 experts\. Use 0 to 3, or -100 for any expert\.",
            id="an id that is no expert",
        ),
    ],
)
def test_wrong_side_inputs_are_refused(
    mask: Tensor | None, ids: Tensor | None, message: str
) -> None:
    """A mask or ids that do not fit are an error that says what fits."""
    with pytest.raises(ModelError, match=message):
        of(logits(0, 1), mask, ids)


def test_a_rare_domain_may_count_more() -> None:
    """With balance the cross-entropy is the weighted mean: a token of weight 3 counts as three."""
    config = replace(CONFIG, domain_balance=[3.0, 1.0, 1.0, 1.0])
    given, ids = torch.zeros(1, 1, 2, 4), torch.tensor([[0, 1]])
    given[0, 0, 0, 0] = 1.0
    costs = torch.nn.functional.cross_entropy(given[0, 0], ids[0], reduction="none")
    found = router_losses(given, config, None, ids).domain
    assert found is not None
    assert found.item() == pytest.approx(((3 * costs[0] + costs[1]) / 4).item())
