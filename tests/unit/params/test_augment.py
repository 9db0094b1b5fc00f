"""The mix of augmentation."""

import pytest
from pydantic import ValidationError

from caretune.params.augment import Augment

VALUES = {
    "seed": 29,
    "max_children": 4,
    "wanted_ratio": 3.43,
    "max_parent_similarity": 0.95,
    "context_expansion": 0.5,
    "crisis_scenarios": 0.5,
    "dialogue_variation": 0.5,
    "paraphrase": 0.5,
    "demographic_diversity": 0.5,
    "counterfactual_rate": 0.25,
    "context_mix": {"therapeutic": 1.0, "emotional": 1.0, "goals": 0.0},
    "crisis_mix": {"routine": 1.0, "moderate": 0.0, "hard": 0.0, "crisis": 0.0},
}


def test_a_kind_may_be_left_out() -> None:
    """A weight of 0 is allowed as long as another is above it."""
    assert Augment.model_validate(VALUES).context_mix.goals == 0


@pytest.mark.parametrize("mix", ["context_mix", "crisis_mix"])
def test_a_mix_of_nothing_is_a_fault(mix: str) -> None:
    """All weights 0: the key and what is expected stand in the error."""
    empty = VALUES | {mix: dict.fromkeys(VALUES[mix], 0.0)}
    with pytest.raises(ValidationError, match=f"{mix}: expected at least one weight above 0"):
        Augment.model_validate(empty)
