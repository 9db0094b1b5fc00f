"""The adapter's config: numbers that fit together, and equal bytes from run to run."""

import pytest

from caretune.errors import ModelError
from caretune.moe_lora import config
from caretune.moe_lora.config import MoeLoraConfig


def test_every_fault_is_told_at_once() -> None:
    """A config with seven faults names all seven in one error."""
    with pytest.raises(ModelError) as caught:
        MoeLoraConfig(
            r=0,
            num_experts=2,
            top_k=3,
            num_shared_experts=-1,
            expert_names=["one"],
            lora_dropout=1.0,
            router_per="model",
        )
    assert str(caught.value) == (
        "MoE-LoRA config: target_modules names no module; r is 0, expected at least 1; "
        "num_shared_experts is -1, expected at least 0; top_k is 3, expected 1 to num_experts (2); "
        "expert_names has 1 names for 2 experts; router_per is model, expected block or module; "
        "lora_dropout is 1.0, expected 0 to less than 1. "
        "Mend params.train.moe_lora."
    )


def test_total_rank_counts_shared_experts() -> None:
    """Five experts and one shared of rank 8 are as large as a LoRA of rank 48."""
    made = MoeLoraConfig(r=8, num_experts=5, num_shared_experts=1, target_modules=["q_proj"])
    assert made.total_rank == 48


@pytest.mark.parametrize(
    ("use_rslora", "scaling"),
    [pytest.param(False, 2.0, id="alpha over rank"), pytest.param(True, 4.0, id="over its root")],
)
def test_scaling_is_alpha_over_rank(use_rslora: bool, scaling: float) -> None:
    """Alpha 8 on rank 4 scales by 2, and by 4 with rsLoRA."""
    made = MoeLoraConfig(r=4, lora_alpha=8, use_rslora=use_rslora, target_modules=["q_proj"])
    assert made.scaling == scaling


def test_target_modules_are_saved_sorted_whatever_their_order() -> None:
    """A set, as PEFT makes of `all-linear`, and lists in any order give the same fields."""
    wanted = MoeLoraConfig(target_modules=["a", "b", "c"])
    shuffled = MoeLoraConfig(target_modules=["c", "a", "b"])
    assert shuffled.to_dict() == wanted.to_dict()
    shuffled.target_modules = {"b", "c", "a"}  # type: ignore[assignment]  as PEFT does
    assert shuffled.to_dict()["target_modules"] == ["a", "b", "c"]


def test_the_method_name_answers_like_an_enum_member() -> None:
    """PEFT compares the name with strings and asks it for `.value`."""
    assert config.MOELORA == "MOELORA"
    assert type(config.MOELORA.value) is str
    read = MoeLoraConfig(peft_type="MOELORA", target_modules=["q_proj"])  # as from a file
    assert read.peft_type.value == "MOELORA"


def test_balance_has_a_weight_for_each_expert() -> None:
    """Another number of weights is refused."""
    with pytest.raises(ModelError, match="domain_balance has 2 weights for 5 experts"):
        MoeLoraConfig(target_modules=["q_proj"], domain_balance=[1.0, 2.0])
